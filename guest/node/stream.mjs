// Response streaming: the global `awslambda`, and the stream that a streaming handler writes its answer to. The stream is
// collected here and answered as one body; passing it on piece by piece comes with InvokeWithResponseStream.
import { Writable } from 'node:stream'
import { InvalidStreamingOperation, MalformedStreamingHandler } from './errors.mjs'

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming')
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark')
const PRELUDE_TYPE = 'application/vnd.awslambda.http-integration-response'
const DELIMITER_SIZE = 8

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

export class CollectingStream extends Writable {
  #pieces = []
  #started = false

  get collected() {
    return Buffer.concat(this.#pieces)
  }

  setContentType() {
    if (this.#started) throw new InvalidStreamingOperation('Cannot set content-type, too late.')
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
    this.#pieces.push(chunk)
    done()
  }
}

// What is no text and no bytes is written as JSON.
function asWritable(chunk) {
  if (typeof chunk === 'string' || Buffer.isBuffer(chunk) || chunk?.constructor === Uint8Array) return chunk
  return JSON.stringify(chunk)
}
