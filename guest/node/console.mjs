// console.* in AWS's format: text "time, request id, level, message" separated by tabs, or one JSON object a line.
import util from 'node:util'
import { writeAll } from './channel.mjs'
import { intoError, toLogText } from './errors.mjs'

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']
const METHODS = { trace: 'TRACE', debug: 'DEBUG', info: 'INFO', log: 'INFO', warn: 'WARN', error: 'ERROR', fatal: 'FATAL' }

// The invocation that runs now; only the loop changes it. Its id is undefined during init, and is logged so.
export const current = { requestId: undefined, tenantId: undefined }

let asJson = false

// Replace the methods of the global console. `level` is AWS's name of the lowest level shown; null shows all.
export function patch(format, level) {
  asJson = (format ?? '').toUpperCase() === 'JSON'
  const lowest = Math.max(0, LEVELS.indexOf((level ?? '').toUpperCase()))
  for (const [method, name] of Object.entries(METHODS)) {
    const shown = name === 'FATAL' || LEVELS.indexOf(name) >= lowest
    console[method] = shown ? (message, ...rest) => write(name, message, ...rest) : () => {}
  }
}

// Log an error that the function did not handle.
export function logError(title, error) {
  if (asJson) console.error(intoError(error))
  else console.error(title, toLogText(intoError(error)))
}

// One record is one line, hence one event: newlines travel as carriage returns.
function write(level, ...params) {
  const line = asJson ? jsonLine(level, params) : textLine(level, params)
  writeAll(1, Buffer.from(line.replace(/\n/g, '\r') + '\n'))
}

function textLine(level, params) {
  return `${new Date().toISOString()}\t${current.requestId}\t${level}\t${util.format(...params)}`
}

function jsonLine(level, params) {
  const record = { timestamp: new Date().toISOString(), level, requestId: current.requestId }
  if (current.tenantId !== undefined && current.tenantId !== null) record.tenantId = current.tenantId
  if (params.length === 1) return oneParameter(record, params[0])
  record.message = util.format(...params)
  const error = params.find((param) => param instanceof Error)
  if (error) Object.assign(record, errorMembers(error))
  return JSON.stringify(record)
}

function oneParameter(record, message) {
  try {
    const expand = (_, value) => (value instanceof Error ? { ...errorMembers(value), ...value } : value)
    return JSON.stringify({ ...record, message }, expand)
  } catch {
    return JSON.stringify({ ...record, message: util.format(message) })
  }
}

function errorMembers(error) {
  const stackTrace = typeof error.stack === 'string' ? error.stack.split('\n') : error.stack
  return { errorType: error.constructor?.name ?? 'UnknownError', errorMessage: error.message, stackTrace }
}
