// Response streaming: the global `awslambda`, and the stream that a streaming handler writes its answer to. What it
// writes goes out at once, no faster than the client takes it.
import { Writable } from 'node:stream'
import { InvalidStreamingOperation, MalformedStreamingHandler } from './errors.mjs'

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming')
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark')
const PRELUDE_TYPE = 'application/vnd.awslambda.http-integration-response'
const DELIMITER_SIZE = 8
const PIECE = 262144 // bytes of one chunk; the platform takes no larger ones than a megabyte

export function installGlobal() {
  globalThis.awslambda = { streamifyResponse, HttpResponseStream }
}

function streamifyResponse(handler, options) {
  handler[STREAMING] = 'response'
  if (typeof options?.highWaterMark === 'number') handler[HIGH_WATER_MARK] = parseInt(options.highWaterMark)
  return handler
}

export function isStreaming(handler) {
  const mark = handler[STREAMING]
  if (mark === undefined || mark === null || mark === false) return false
  if (mark !== 'response') throw new MalformedStreamingHandler('Only response streaming is supported.')
  return true
}

export function highWaterMark(handler) {
  return handler[HIGH_WATER_MARK]
}

class HttpResponseStream {
  static from(stream, prelude) {
    stream.setContentType(PRELUDE_TYPE)
    stream._onBeforeFirstWrite = (write) => {
      write(JSON.stringify(prelude))
      write(new Uint8Array(DELIMITER_SIZE))
    }
    return stream
  }
}

export class ResponseStream extends Writable {
  #invocation
  #started = false
  contentType = undefined

  constructor(invocation, highWaterMark) {
    super({ highWaterMark })
    this.#invocation = invocation
  }

  setContentType(contentType) {
    if (this.#started) throw new InvalidStreamingOperation('Cannot set content-type, too late.')
    this.contentType = contentType
  }

  write(chunk, encoding, callback) {
    if (!this.#started) {
      this.#started = true
      this._onBeforeFirstWrite?.((piece) => super.write(piece))
    }
    return super.write(asWritable(chunk), encoding, callback)
  }

  // As on AWS, nothing but a callback is taken: what is to be written, is written first.
  end(chunk, encoding, callback) {
    const last = [chunk, encoding, callback].find((argument) => typeof argument === 'function')
    if (chunk !== undefined && chunk !== null && typeof chunk !== 'function') this.write(chunk, encoding)
    return super.end(last)
  }

  _write(chunk, _encoding, done) {
    this.#send(chunk, done)
  }

  _writev(writes, done) {
    this.#send(Buffer.concat(writes.map((write) => write.chunk)), done)
  }

  #send(data, done) {
    const rest = data.subarray(PIECE)
    const next = () => (rest.length ? this.#send(rest, done) : done())
    this.#invocation.sendPiece(data.subarray(0, PIECE), this.contentType, next)
  }
}

// What is no text and no bytes is written as JSON.
function asWritable(chunk) {
  if (typeof chunk === 'string' || Buffer.isBuffer(chunk) || chunk?.constructor === Uint8Array) return chunk
  return JSON.stringify(chunk)
}
