// One invocation: the handler is called in one of its three styles, and exactly one answer goes out.
import { once } from 'node:events'
import { CHUNK, EMPTY, END, ERROR, RESULT } from './channel.mjs'
import { logError } from './console.mjs'
import { contextMembers } from './context.mjs'
import { NodeJsExit, toDocument } from './errors.mjs'
import { highWaterMark, ResponseStream } from './stream.mjs'

const NEVER_SETTLED =
  'The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that ' +
  'was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes'
export const UNSETTLED_STATUS = 13 // Node's own for a top-level await that nothing will ever settle

// Mutable state: `answered`; `streams`, whether a part of the answer has gone out; and `onEmptyLoop`, what to do when
// nothing is left to run, which the answer clears.
export class Invocation {
  answered = false
  streams = false
  onEmptyLoop = null

  constructor(channel, token, meta, body, onAnswered) {
    Object.assign(this, { channel, token, meta, body, onAnswered })
  }

  succeed(result) {
    this.#answer(RESULT, null, Buffer.from(serialise(result)))
  }

  // Log the error and answer with its document.
  // `last` tells the platform that this process ends behind its answer, so that no other call is sent to it.
  fail(error, title = 'Invoke Error', last = false) {
    if (this.answered) return
    logError(title, error)
    const document = toDocument(error)
    const meta = last ? { type: document.errorType, last } : { type: document.errorType }
    this.#answer(this.streams ? END : ERROR, meta, Buffer.from(JSON.stringify(document)))
  }

  // Send a piece of the answer, then call `done`; once the answer is over there is nowhere to send it.
  sendPiece(piece, contentType, done) {
    if (this.answered) return done()
    const meta = this.streams || contentType === undefined ? null : { content_type: contentType }
    this.streams = true
    this.channel.sendSoon(CHUNK, this.token, meta, piece, done)
  }

  endStream(contentType) {
    if (!this.streams) this.sendPiece(EMPTY, contentType, () => {})
    this.#answer(END, null, EMPTY)
  }

  #answer(type, meta, body) {
    if (this.answered) return
    this.answered = true
    this.onEmptyLoop = null
    if (type === END) return this.channel.sendSoon(END, this.token, meta, body, this.onAnswered)
    this.channel.send(type, this.token, meta, body)
    this.onAnswered()
  }

  get event() {
    return JSON.parse(this.body.toString('utf8'))
  }
}

function serialise(result) {
  try {
    return JSON.stringify(result === undefined ? null : result) ?? ''
  } catch {
    throw new Error('Unable to stringify response body')
  }
}

const isPromise = (value) => typeof value?.then === 'function'

// Up to Node.js 22: promise or callback, and an empty event loop ends an invocation that has neither.
export function callWithCallback(invocation, handler) {
  const { callback, context } = callbackStyle(invocation)
  invocation.onEmptyLoop = () => invocation.succeed(null)
  try {
    Object.assign(context, contextMembers(invocation.meta))
    const result = handler(invocation.event, context, callback)
    if (isPromise(result)) result.then(context.succeed, context.fail).catch(context.fail)
  } catch (error) {
    callback(error)
  }
}

// The callback and the context methods of the old style: only the first call of each counts.
function callbackStyle(invocation) {
  let waits = true
  let finished = false
  const firstOnly = (action) => (...parameters) => {
    if (finished) return
    action(...parameters)
    finished = true
  }
  const settle = (error, result, whenEmpty) => {
    invocation.onEmptyLoop = null
    if (error !== undefined && error !== null) invocation.fail(error)
    else if (whenEmpty) invocation.onEmptyLoop = () => setImmediate(() => completeLate(invocation, result))
    else invocation.succeed(result)
  }
  const context = {
    get callbackWaitsForEmptyEventLoop() {
      return waits
    },
    set callbackWaitsForEmptyEventLoop(value) {
      waits = value
    },
    succeed: firstOnly((result) => settle(null, result, false)),
    fail: firstOnly((error) => settle(error ?? 'handled', null, false)),
    done: firstOnly((error, result) => settle(error, result, false)),
  }
  return { context, callback: firstOnly((error, result) => settle(error, result, waits)) }
}

function completeLate(invocation, result) {
  try {
    invocation.succeed(result)
  } catch (error) {
    invocation.fail(error)
  }
}

// From Node.js 24 on: the answer is what the handler returns or its promise comes to.
export async function callPlain(invocation, handler) {
  invocation.onEmptyLoop = () => {
    invocation.fail(new NodeJsExit(NEVER_SETTLED), undefined, true)
    process.exit(UNSETTLED_STATUS)
  }
  try {
    const context = contextMembers(invocation.meta)
    const result = await handler(invocation.event, context)
    invocation.succeed(result)
  } catch (error) {
    invocation.fail(error)
  }
}

// A streaming handler, whose answer goes out while it writes.
export async function callStreaming(invocation, handler) {
  const stream = new ResponseStream(invocation, highWaterMark(handler))
  const unfinished = () => invocation.fail('Response stream is not finished.')
  invocation.onEmptyLoop = unfinished
  try {
    const finished = once(stream, 'finish')
    finished.catch(() => {}) // the error is the handler's to see; it fails the invocation below
    const result = handler(invocation.event, stream, contextMembers(invocation.meta))
    if (!isPromise(result)) throw 'Streaming does not support non-async handlers.'
    if ((await result) !== undefined) console.warn('Streaming handlers ignore return values.')
    await finished
    invocation.endStream(stream.contentType)
  } catch (error) {
    invocation.fail(error)
  }
}
