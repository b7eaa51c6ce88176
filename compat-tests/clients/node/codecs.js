'use strict'

// The codecs that kafkajs leaves to others. Each is there only where its library is: they bear
// native code, which not every platform has.

const { CompressionCodecs, CompressionTypes } = require('kafkajs')

// The frame that the Java clients put around blocks of snappy: a header of 16 bytes, then each
// block after its length. Other clients write one bare block.
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEADER = 16

const libraries = {
  snappy: () => {
    const snappy = require('snappy')
    const decompress = async buffer => {
      if (!buffer.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) {
        return snappy.uncompress(buffer)
      }
      const blocks = []
      for (let at = XERIAL_HEADER; at < buffer.length; ) {
        const end = at + 4 + buffer.readInt32BE(at)
        blocks.push(await snappy.uncompress(buffer.subarray(at + 4, end)))
        at = end
      }
      return Buffer.concat(blocks)
    }
    return { compress: buffer => snappy.compress(buffer), decompress }
  },
  lz4: () => {
    const lz4 = require('lz4-napi')
    return { compress: buffer => lz4.compressFrame(buffer), decompress: buffer => lz4.decompressFrame(buffer) }
  },
  zstd: () => {
    const { Decoder, Encoder } = require('@toondepauw/node-zstd')
    return { compress: buffer => new Encoder(3).encode(buffer), decompress: buffer => new Decoder().decode(buffer) }
  },
}

const types = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

/** Registers what there is, and returns kafkajs's number of each codec by its name. */
function registerCodecs() {
  const available = { none: types.none, gzip: types.gzip }
  for (const [name, load] of Object.entries(libraries)) {
    try {
      const { compress, decompress } = load()
      CompressionCodecs[types[name]] = () => ({ compress: encoder => compress(encoder.buffer), decompress })
      available[name] = types[name]
    } catch (error) {
      console.error(`no ${name}: ${error.message}`)
    }
  }
  return available
}

module.exports = { registerCodecs }
