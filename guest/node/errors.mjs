// Errors as a client of AWS Lambda sees them: {errorType, errorMessage, trace}; and as AWS's client logs them.
import util from 'node:util'

class RuntimeError extends Error {}

function named(name) {
  const kind = class extends RuntimeError {}
  kind.prototype.name = `Runtime.${name}`
  return kind
}

export const ImportModuleError = named('ImportModuleError')
export const HandlerNotFound = named('HandlerNotFound')
export const MalformedHandlerName = named('MalformedHandlerName')
export const UserCodeSyntaxError = named('UserCodeSyntaxError')
export const MalformedStreamingHandler = named('MalformedStreamingHandler')
export const InvalidStreamingOperation = named('InvalidStreamingOperation')
export const CallbackHandlerDeprecated = named('CallbackHandlerDeprecated')
export const NodeJsExit = named('NodeJsExit')

export class UnhandledPromiseRejection extends RuntimeError {
  constructor(reason, promise) {
    super(reason)
    this.reason = reason
    this.promise = promise
  }
}
UnhandledPromiseRejection.prototype.name = 'Runtime.UnhandledPromiseRejection'

const clean = (text) => text?.replace(/\x7F/g, '%7F')

function looksLikeError(value) {
  return ['name', 'message', 'stack'].every((member) => value?.[member] && typeof value[member] === 'string')
}

// The error document of anything that was thrown, rejected with, or handed to a callback.
export function toDocument(error) {
  try {
    if (util.types.isNativeError(error) || looksLikeError(error)) {
      const { name, message, stack } = error
      return { errorType: clean(name), errorMessage: clean(message), trace: clean(stack).split('\n') }
    }
    return { errorType: typeof error, errorMessage: error.toString(), trace: [] }
  } catch {
    const problem = 'there was a problem while retrieving one or more of its message, name, and stack'
    return { errorType: 'handled', errorMessage: `callback called with Error argument, but ${problem}` }
  }
}

export function intoError(value) {
  return value instanceof Error ? value : new Error(value)
}

// The text behind "Invoke Error" in a text log.
export function toLogText(error) {
  try {
    return '\t' + JSON.stringify(error, (_, value) => (value instanceof Error ? withMembers(value) : value))
  } catch {
    return '\t' + JSON.stringify(toDocument(error))
  }
}

function withMembers(error) {
  const members = { errorType: error.name, errorMessage: error.message, code: error.code, ...error }
  if (typeof error.stack === 'string') members.stack = error.stack.split('\n')
  return members
}
