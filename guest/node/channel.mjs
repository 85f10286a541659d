// The framed channel to the platform. Reading follows the event loop, writing is at once and whole: an answer must be
// gone before process.exit, and before anything else that the handler left behind can run.
import fs from 'node:fs'
import net from 'node:net'

export const INIT = 1
export const INVOKE = 2
export const PROCEED = 5
export const READY = 17
export const RESULT = 18
export const ERROR = 19
export const INIT_ERROR = 20
export const CHUNK = 21 // of a streamed answer
export const END = 22
export const NO_TOKEN = Buffer.alloc(16)

const HEADER_SIZE = 28
const COPY_SIZE = 16384 // a body up to this size is cheaper to join with its header than to write after it
export const EMPTY = Buffer.alloc(0)
const sleeper = new Int32Array(new SharedArrayBuffer(4))

export class Channel {
  #fd
  #socket
  #chunks = [] // what has arrived of frames not yet complete, in order
  #size = 0
  #held = true
  #unsent = 0 // frames of a stream that the platform has not taken yet

  // `onFrame(type, meta, body, token)` is called for every frame; the end of the channel ends the process.
  constructor(fd, onFrame) {
    this.#fd = fd
    this.#socket = new net.Socket({ fd, readable: true, writable: true })
    this.#socket.on('data', (chunk) => this.#take(chunk, onFrame))
    this.#socket.on('error', () => process.exit(0))
    this.#socket.on('close', () => process.exit(0))
  }

  get fd() {
    return this.#fd
  }

  // Read a frame, and write nothing, as part of a rehearsal.
  rehearse() {
    this.#take(headOf(0, NO_TOKEN, {}, EMPTY), () => {})
    fs.writeSync(this.#fd, EMPTY)
    this.hold(false)
    this.hold(true)
  }

  // Let go of the channel, which another process goes on with.
  leave() {
    this.#socket.removeAllListeners('close')
    this.#socket.destroy()
  }

  // Whether waiting for a frame keeps the process alive: only between invocations, so that within one an empty event
  // loop can be noticed.
  hold(wanted) {
    this.#held = wanted
    if (wanted || this.#unsent) this.#socket.ref()
    else this.#socket.unref()
  }

  send(type, token, meta = null, body = EMPTY) {
    const head = headOf(type, token, meta, body)
    if (body.length <= COPY_SIZE) writeAll(this.#fd, Buffer.concat([head, body]))
    else for (const part of [head, body]) writeAll(this.#fd, part)
  }

  // Send a frame of a stream as soon as the platform takes it, then call `done`; frames keep their order. Until then
  // the process stays alive, for what waits to be sent is work that is not done.
  sendSoon(type, token, meta, body, done) {
    this.#unsent++
    this.#socket.ref()
    this.#socket.cork()
    this.#socket.write(headOf(type, token, meta, body))
    this.#socket.write(body, () => {
      this.#unsent--
      this.hold(this.#held)
      done()
    })
    this.#socket.uncork()
  }

  // Call `done` when all frames of a stream have been taken.
  whenSent(done) {
    this.#socket.write(EMPTY, done)
  }

  #take(chunk, onFrame) {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    for (let frame = this.#next(); frame; frame = this.#next()) onFrame(...frame)
  }

  // The next complete frame, or null. Chunks are joined only when there is enough of them, or each would be copied often.
  #next() {
    if (this.#size < HEADER_SIZE) return null
    if (this.#chunks[0].length < HEADER_SIZE) this.#chunks = [Buffer.concat(this.#chunks)]
    const head = this.#chunks[0]
    const bodyStart = HEADER_SIZE + head.readUInt32BE(4)
    const end = bodyStart + head.readUInt32BE(8)
    if (this.#size < end) return null
    const data = this.#chunks.length === 1 ? head : Buffer.concat(this.#chunks)
    this.#chunks = data.length > end ? [data.subarray(end)] : []
    this.#size = data.length - end
    const meta = JSON.parse(data.toString('utf8', HEADER_SIZE, bodyStart) || '{}')
    return [data[0], meta, data.subarray(bodyStart, end), Buffer.from(data.subarray(12, HEADER_SIZE))]
  }
}

export function headOf(type, token, meta, body) {
  const text = meta === null ? EMPTY : Buffer.from(JSON.stringify(meta))
  const head = Buffer.alloc(HEADER_SIZE + text.length)
  head.writeUInt8(type, 0)
  head.writeUInt32BE(text.length, 4)
  head.writeUInt32BE(body.length, 8)
  token.copy(head, 12)
  text.copy(head, HEADER_SIZE)
  return head
}

// Write a buffer to a descriptor that may be non-blocking, and wait where it is full.
export function writeAll(fd, buffer) {
  let written = 0
  while (written < buffer.length) {
    try {
      written += fs.writeSync(fd, buffer, written)
    } catch (error) {
      if (error.code === 'EPIPE' || error.code === 'ECONNRESET') return // the platform is gone; we are told soon
      if (error.code !== 'EAGAIN') throw error
      Atomics.wait(sleeper, 0, 0, 1)
    }
  }
}
