'use strict'

// A driver for kafkajs: it reads commands from standard input, one a line, and answers each on
// standard output. The language stands in ../README.md.

const { EventEmitter, once } = require('node:events')
const { randomUUID } = require('node:crypto')
const readline = require('node:readline')
const { crc32 } = require('node:zlib')
const { Kafka, Partitioners, logLevel } = require('kafkajs')
const { version } = require('kafkajs/package.json')
const { registerCodecs } = require('./codecs')

const LONGEST_INLINE = 256
const DEFAULT_TIMEOUT = 20_000

// kafkajs sends what it is given as one batch a partition, so send-many divides it.
const BATCH_BYTES = 500_000
const RECORD_OVERHEAD = 64

// Retries outlive a restart of the server of 20 s: 0.3 + 0.6 + 1.2 + 17 times 2 s.
const RETRY = { initialRetryTime: 300, maxRetryTime: 2_000, retries: 20 }

const codecs = registerCodecs()
const can = [
  'acks0', ...Object.keys(codecs).filter(name => name !== 'none'), 'headers', 'idempotent', 'group', 'seek', 'pause',
  'commit', 'metadata', 'offsets', 'offset-for-time', 'admin', 'timestamp', 'no-auto-create', 'partitioner',
]

/** An error with one of the language's own names. */
class Named extends Error {
  constructor(name, text) {
    super(text)
    this.type = name
  }
}

const unsupported = what => new Named('UNSUPPORTED', `kafkajs has no ${what}`)
const bytes = hex => (hex === undefined ? null : Buffer.from(hex, 'hex'))
const sleep = millis => new Promise(resolve => setTimeout(resolve, millis))
const answers = []

/** `TOPIC:NUMBER,TOPIC:NUMBER` */
function partitionsOf(list) {
  return list.split(',').map(one => {
    const colon = one.lastIndexOf(':')
    return { topic: one.slice(0, colon), partition: Number(one.slice(colon + 1)) }
  })
}

const keyOf = ({ topic, partition }) => `${topic}:${partition}`

async function within(millis, what, promise) {
  let timer
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Named('TIMEOUT', `${what} took longer than ${millis} ms`)), millis)
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    clearTimeout(timer)
  }
}

class Producer {
  constructor(kafka, pairs) {
    const { acks = 'all', compression = 'none', idempotent = 'false', timeout = DEFAULT_TIMEOUT } = pairs
    if (!['0', '1', 'all'].includes(acks)) throw new Error(`unknown acks ${acks}`)
    if (!(compression in codecs)) throw unsupported(compression)
    this.acks = acks === 'all' ? -1 : Number(acks)
    this.compression = codecs[compression]
    this.timeout = Number(timeout)
    this.producer = kafka.producer({
      allowAutoTopicCreation: pairs['auto-create'] !== 'false',
      idempotent: idempotent === 'true',
      maxInFlightRequests: idempotent === 'true' ? 1 : null,
      retry: RETRY,
      createPartitioner: () => {
        const choose = Partitioners.DefaultPartitioner()
        return request => (this.chosen = choose(request))
      },
    })
    this.connected = null
  }

  async deliver(topic, messages) {
    // An attempt to connect that failed is no reason not to try again.
    this.connected ??= this.producer.connect().catch(error => {
      this.connected = null
      throw error
    })
    await this.connected
    const { acks, compression, timeout } = this
    const told = await this.producer.send({ topic, messages, acks, compression, timeout })
    // kafkajs passes over what is for a partition that does not exist, without a word.
    const silent = messages.find(({ partition }) => partition !== undefined && !told?.some(one => one.partition === partition))
    if (silent && acks !== 0) throw new Error(`nothing was told of partition ${silent.partition}`)
    return told
  }

  async send(pairs, headers) {
    const value = pairs['value-size'] === undefined ? bytes(pairs.value) : Buffer.alloc(Number(pairs['value-size']), 'x')
    const message = { key: bytes(pairs.key), value, headers: {} }
    for (const [name, header] of headers) {
      if (header === null) throw unsupported('null value of a header that it sends')
      message.headers[name] = name in message.headers ? [message.headers[name], header].flat() : header
    }
    if (pairs.partition !== undefined) message.partition = Number(pairs.partition)
    if (pairs.timestamp !== undefined) message.timestamp = pairs.timestamp
    const told = await within(this.timeout, 'send', this.deliver(pairs.topic, [message]))
    const sent = told?.[0] ?? { partition: this.chosen, baseOffset: '-1' } // nothing is told with acks=0
    return `partition=${sent.partition} offset=${sent.baseOffset}`
  }

  async sendMany(pairs) {
    const [partitions, from, count, size] = ['partitions', 'from', 'count', 'size'].map(key => Number(pairs[key] ?? 0))
    const each = Math.max(1, Math.floor(BATCH_BYTES / (size + RECORD_OVERHEAD)))
    const all = async () => {
      for (let next = from; next < from + count; next += each) {
        const messages = []
        for (let i = next; i < Math.min(next + each, from + count); i++) {
          messages.push({ partition: i % partitions, value: String(i).padEnd(size) })
        }
        await this.deliver(pairs.topic, messages)
      }
    }
    await within(this.timeout, 'send-many', all())
    return `sent=${count}`
  }

  close() {
    return this.producer.disconnect()
  }
}

/**
 * A member of a group. kafkajs hands batches to a callback; each stays on the shelf until poll has
 * told all of it, while its callback keeps the member alive.
 */
class Consumer {
  constructor(kafka, admin, pairs) {
    const { group, reset = 'earliest', protocol = 'classic', session, assignor } = pairs
    if (pairs.instance !== undefined) throw unsupported('static membership')
    if (protocol !== 'classic') throw unsupported(`protocol ${protocol}`)
    if (assignor !== undefined) throw unsupported(`assignor ${assignor}, it has round robin`)
    if (!['earliest', 'latest'].includes(reset)) throw unsupported(`reset ${reset}`)
    this.admin = admin
    this.group = group ?? `reader-${randomUUID()}`
    this.fromBeginning = reset === 'earliest'
    this.events = new EventEmitter()
    this.shelf = []
    this.assigned = []
    this.paused = new Set()
    this.told = new Map()
    this.failure = null
    this.running = null

    const sessionTimeout = Number(session ?? 30_000)
    this.consumer = kafka.consumer({
      groupId: this.group,
      sessionTimeout,
      heartbeatInterval: Math.min(3_000, Math.floor(sessionTimeout / 3)),
      maxWaitTimeInMs: 500,
      allowAutoTopicCreation: false,
      retry: { ...RETRY, restartOnFailure: async () => true },
    })
    const { GROUP_JOIN, REBALANCING, CRASH } = this.consumer.events
    this.consumer.on(GROUP_JOIN, ({ payload }) => {
      this.assigned = Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) =>
        partitions.map(partition => ({ topic, partition })))
      this.forget(() => true)
    })
    this.consumer.on(REBALANCING, () => (this.assigned = []))
    this.consumer.on(CRASH, ({ payload }) => {
      this.assigned = []
      if (!payload.restart) this.failure = payload.error
    })
  }

  subscribe(topics) {
    const before = this.running
    const run = async () => {
      await before
      if (before) await this.consumer.stop()
      await this.consumer.connect()
      await this.consumer.subscribe({ topics, fromBeginning: this.fromBeginning })
      await this.consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: batch => this.shelve(batch) })
    }
    this.running = run().catch(error => (this.failure = error))
  }

  async shelve({ batch, resolveOffset, heartbeat, isRunning, isStale }) {
    const { topic, partition, messages } = batch
    const item = { topic, partition, messages, next: 0, resolveOffset, dropped: false }
    if (this.paused.has(keyOf(item))) return
    this.shelf.push(item)
    this.events.emit('shelved')
    try {
      while (item.next < messages.length && !item.dropped && isRunning() && !isStale()) {
        await heartbeat()
        await Promise.race([once(this.events, 'taken'), sleep(200)])
      }
    } finally {
      item.dropped = true
      this.shelf = this.shelf.filter(other => other !== item)
    }
  }

  /** Takes from the shelf what kafkajs shall fetch again, if at all. */
  drop(matches) {
    for (const item of this.shelf) if (matches(item)) item.dropped = true
    this.events.emit('taken')
  }

  forget(matches) {
    this.drop(matches)
    for (const [key, { of }] of this.told) if (matches(of)) this.told.delete(key)
  }

  requireAssigned(partition) {
    if (!this.assigned.some(one => keyOf(one) === keyOf(partition))) throw new Error(`${keyOf(partition)} is not assigned`)
  }

  async seek(partition, where) {
    this.requireAssigned(partition)
    const offset = /^\d+$/.test(where) ? where : (await this.ends(partition))[where]
    this.consumer.seek({ ...partition, offset })
    this.forget(item => keyOf(item) === keyOf(partition))
  }

  async poll(max, wait) {
    const until = Date.now() + wait
    let left = max
    for (;;) {
      for (const item of this.shelf) {
        while (left > 0 && !item.dropped && item.next < item.messages.length) {
          const message = item.messages[item.next++]
          item.resolveOffset(message.offset)
          this.told.set(keyOf(item), { of: { topic: item.topic, partition: item.partition }, offset: String(BigInt(message.offset) + 1n) })
          answers.push(describeRecord(item, message))
          left--
        }
      }
      this.events.emit('taken')
      if (this.failure) throw this.failure
      const rest = until - Date.now()
      if (left === 0 || rest <= 0) return
      const over = new AbortController()
      await Promise.race([once(this.events, 'shelved', over), sleep(rest)]).finally(() => over.abort())
    }
  }

  assignment() {
    const sorted = [...this.assigned].sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition))
    return `partitions=${sorted.map(keyOf).join()}`
  }

  pause(partitions) {
    for (const one of partitions) this.paused.add(keyOf(one))
    this.consumer.pause(partitions.map(({ topic, partition }) => ({ topic, partitions: [partition] })))
    this.drop(item => this.paused.has(keyOf(item)))
  }

  resume(partitions) {
    for (const one of partitions) this.paused.delete(keyOf(one))
    this.consumer.resume(partitions.map(({ topic, partition }) => ({ topic, partitions: [partition] })))
  }

  commit({ partition, offset, metadata }) {
    const one = partition && { ...partitionsOf(partition)[0], offset, metadata: metadata ?? null }
    const all = one ? [one] : [...this.told.values()].map(({ of: { topic, partition }, offset }) => ({ topic, partition, offset }))
    return all.length === 0 ? undefined : this.consumer.commitOffsets(all)
  }

  async committed(partitions) {
    const topics = [...new Set(partitions.map(({ topic }) => topic))]
    const told = await this.admin.fetchOffsets({ groupId: this.group, topics })
    const offsets = partitions.map(of => {
      const found = told.find(({ topic }) => topic === of.topic)?.partitions.find(({ partition }) => partition === of.partition)
      return `${keyOf(of)}:${found?.offset ?? -1}`
    })
    return `offsets=${offsets.join()}`
  }

  async ends({ topic, partition }) {
    const found = (await this.admin.fetchTopicOffsets(topic)).find(one => one.partition === partition)
    if (!found) throw new Named('UNKNOWN_TOPIC_OR_PARTITION', keyOf({ topic, partition }))
    return { beginning: found.low, end: found.high }
  }

  async offsetForTime({ topic, partition }, timestamp) {
    const { end } = await this.ends({ topic, partition })
    const found = (await this.admin.fetchTopicOffsetsByTimestamp(topic, Number(timestamp))).find(one => one.partition === partition)
    return `offset=${BigInt(found.offset) >= BigInt(end) ? -1 : found.offset}` // it gives the end where there is none
  }

  close() {
    return this.consumer.disconnect()
  }
}

function describeRecord({ topic, partition }, { offset, timestamp, key, value, headers }) {
  const words = [`record topic=${topic} partition=${partition} offset=${offset} timestamp=${timestamp}`]
  if (key !== null) words.push(`key=${key.toString('hex')}`)
  if (value?.length > LONGEST_INLINE) words.push(`value-size=${value.length} value-crc=${crc32(value).toString(16).padStart(8, '0')}`)
  else if (value !== null) words.push(`value=${value.toString('hex')}`)
  for (const [name, values] of Object.entries(headers)) {
    for (const one of [values].flat()) words.push(one === null ? `header=${name}` : `header=${name}:${one.toString('hex')}`)
  }
  return words.join(' ')
}

class Driver {
  constructor() {
    this.named = new Map()
  }

  async bootstrap(address) {
    this.kafka = new Kafka({
      clientId: 'driver',
      brokers: [address],
      retry: RETRY,
      logLevel: logLevel.WARN,
      logCreator: () => ({ namespace, log }) => console.error(namespace, log.message, log.error ?? ''),
    })
    this.admin = this.kafka.admin()
    await this.admin.connect()
  }

  async run(command, name, pairs, headers) {
    switch (command) {
      case 'hello': return `client=kafkajs version=${version} can=${can.join()}`
      case 'bootstrap': return this.bootstrap(name)
      case 'producer': return void this.named.set(name, new Producer(this.kafka, pairs))
      case 'consumer': return void this.named.set(name, new Consumer(this.kafka, this.admin, pairs))
      case 'partitions': return this.partitions(pairs.topic)
      case 'create-topic': return this.createTopic(pairs.topic, Number(pairs.partitions))
      case 'delete-topic': return void (await this.admin.deleteTopics({ topics: [pairs.topic] }))
    }
    const target = this.named.get(name)
    if (!target) throw new Error(`nothing is named ${name} for ${command}`)
    switch (command) {
      case 'close':
        this.named.delete(name)
        return target.close()
      case 'send': return target.send(pairs, headers)
      case 'send-many': return target.sendMany(pairs)
      case 'subscribe': return target.subscribe(pairs.topics.split(','))
      case 'assign': throw unsupported('assignment by hand')
      case 'seek': return target.seek(partitionsOf(pairs.partition)[0], pairs.offset)
      case 'poll': return target.poll(Number(pairs.max), Number(pairs.wait))
      case 'assignment': return target.assignment()
      case 'pause': return target.pause(partitionsOf(pairs.partitions))
      case 'resume': return target.resume(partitionsOf(pairs.partitions))
      case 'commit': return target.commit(pairs)
      case 'committed': return target.committed(partitionsOf(pairs.partitions))
      case 'offset-for-time': return target.offsetForTime(partitionsOf(pairs.partition)[0], pairs.timestamp)
      case 'offsets': {
        const { beginning, end } = await target.ends(partitionsOf(pairs.partition)[0])
        return `beginning=${beginning} end=${end}`
      }
    }
    throw new Error(`no command ${command}`)
  }

  async createTopic(topic, numPartitions) {
    const created = await this.admin.createTopics({ topics: [{ topic, numPartitions }] })
    if (!created) throw new Named('TOPIC_ALREADY_EXISTS', topic)
  }

  /** Out of the metadata of all topics: asking for one would create it. */
  async partitions(topic) {
    const { topics } = await this.admin.fetchTopicMetadata()
    const found = topics.find(one => one.name === topic)
    if (!found) throw new Named('UNKNOWN_TOPIC_OR_PARTITION', topic)
    return `count=${found.partitions.length}`
  }
}

/** The name of an error: the first that Kafka gave among it and its causes, else what it means. */
function nameOf(error) {
  const chain = []
  for (let at = error; at && chain.length < 10; at = at.cause ?? at.originalError ?? at.errors?.[0]) chain.push(at)
  const type = chain.map(one => one.type).find(one => typeof one === 'string' && /^[A-Z_]+$/.test(one))
  const gaveUp = chain.some(one => /NumberOfRetriesExceeded|RequestTimeout|Connection/.test(one.name))
  return type ?? (gaveUp ? 'TIMEOUT' : 'OTHER')
}

function parse(line) {
  const [command, ...words] = line.trim().split(' ')
  const pairs = {}
  const headers = []
  let name
  for (const word of words) {
    const equals = word.indexOf('=')
    const key = word.slice(0, equals)
    const value = word.slice(equals + 1)
    if (equals < 0) name = word
    else if (key === 'header') {
      const colon = value.indexOf(':')
      headers.push(colon < 0 ? [value, null] : [value.slice(0, colon), bytes(value.slice(colon + 1))])
    } else pairs[key] = value
  }
  return [command, name, pairs, headers]
}

async function main() {
  const driver = new Driver()
  for await (const line of readline.createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    try {
      const told = await driver.run(...parse(line))
      answers.push(told === undefined ? 'ok' : `ok ${told}`)
    } catch (error) {
      answers.push(`error ${nameOf(error)} ${String(error?.message ?? error).replaceAll('\n', ' ')}`)
    }
    const text = answers.splice(0).join('\n') + '\n'
    await new Promise(resolve => process.stdout.write(text, resolve))
  }
  process.exit(0)
}

process.on('unhandledRejection', error => console.error('nobody waited for', error))
main()
