// The Node.js runtime of a sandbox: `node main.mjs FD`. Waits parked for INIT, becomes that function, then serves.
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Channel, END, ERROR, INIT, INIT_ERROR, INVOKE, NO_TOKEN, PROCEED, READY } from './channel.mjs'
import { current, logError, patch } from './console.mjs'
import { setTrace } from './context.mjs'
import { toDocument, UnhandledPromiseRejection } from './errors.mjs'
import { startExtensions } from './extensions.mjs'
import { giveHome } from './home.mjs'
import { callPlain, callStreaming, callWithCallback, Invocation, UNSETTLED_STATUS } from './invocation.mjs'
import { load } from './loader.mjs'
import { rehearse } from './rehearsal.mjs'
import { isStreaming } from './stream.mjs'
import { underneath, underWrapper } from './wrapper.mjs'

const FIRST_WITHOUT_CALLBACKS = 24
const UNCAUGHT_STATUS = 129
const UNHANDLED_STATUS = 128

// Mutable state of the process: the handler with its style, and the invocation in hand (null: none). `ready` tells
// errors of init from errors between invocations; `begun`, that INIT has come.
let handler = null
let call = null
let running = null
let ready = false
let begun = false

let proceed = () => {} // the platform has heard of all extensions

giveHome()
const inherited = underneath()
const channel = new Channel(inherited?.channel ?? Number(process.argv[2]), onFrame)
if (inherited) void initialise(inherited.spec)
else setImmediate(() => begun || rehearse(channel).catch(() => {})) // it only saves time

function onFrame(type, meta, body, token) {
  if (type === INIT) {
    begun = true
    void initialise(meta)
  } else if (type === INVOKE) invoke(meta, body, token)
  else if (type === PROCEED) proceed()
}

async function initialise(spec) {
  if (spec.extensions?.length) {
    const told = new Promise((resolve) => (proceed = resolve))
    await startExtensions(spec.extensions, spec.extension_environ)
    await told
  }
  if (spec.exec_wrapper) return underWrapper(channel, spec, fileURLToPath(import.meta.url))
  become(spec)
  channel.hold(false)
  process.on('beforeExit', onEmptyLoop)
  process.on('uncaughtException', (error) => die(error, 'Uncaught Exception', UNCAUGHT_STATUS))
  process.on('unhandledRejection', (reason, promise) =>
    die(new UnhandledPromiseRejection(reason, promise), 'Unhandled Promise Rejection', UNHANDLED_STATUS),
  )
  const modern = nodeMajor() >= FIRST_WITHOUT_CALLBACKS
  try {
    handler = await load(spec.task_root, spec.handler, !modern)
    call = isStreaming(handler) ? callStreaming : modern ? callPlain : callWithCallback
  } catch (error) {
    die(error, modern ? 'Init Error' : 'Uncaught Exception', UNCAUGHT_STATUS)
  }
  ready = true
  channel.hold(true)
  channel.send(READY, NO_TOKEN)
}

// Take on the variables, directory and console of the function.
function become(spec) {
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, spec.environ)
  process.argv.splice(1, process.argv.length, '/var/runtime/index.mjs')
  patch(spec.log_format, spec.log_level)
  createRequire(import.meta.url)('node:module')._initPaths?.() // NODE_PATH was read when this process started
  try {
    process.chdir(spec.task_root)
  } catch {
    // the loader will say what is missing
  }
}

// Nothing is left to run: the invocation in hand ends, or init never will (a top-level await that nothing settles).
function onEmptyLoop() {
  if (ready) running?.onEmptyLoop?.()
  else process.exit(UNSETTLED_STATUS)
}

// The version that the function was deployed for, which a fallback interpreter may differ from.
function nodeMajor() {
  const named = /^AWS_Lambda_nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV ?? '')
  return Number(named ? named[1] : process.versions.node.split('.')[0])
}

function invoke(meta, body, token) {
  current.requestId = meta.id
  current.tenantId = meta.tenant ?? undefined
  setTrace(meta.trace)
  channel.hold(false)
  running = new Invocation(channel, token, meta, body, () => {
    running = null
    channel.hold(true)
  })
  void call(running, handler)
}

// Behind what the function has streamed so far, which may have to wait for the client.
function endStream(meta, document, status) {
  if (running.answered) return channel.whenSent(() => process.exit(status))
  running.answered = true
  channel.sendSoon(END, running.token, meta, Buffer.from(JSON.stringify(document)), () => process.exit(status))
}

// An error that nothing caught ends the process, after log and platform have been told.
function die(error, title, status) {
  logError(title, error)
  const document = toDocument(error)
  const meta = ready ? { type: document.errorType, last: true } : { type: document.errorType }
  if (!ready) channel.send(INIT_ERROR, NO_TOKEN, meta, Buffer.from(JSON.stringify(document)))
  else if (running?.streams) return endStream(meta, document, status)
  else if (running) channel.send(ERROR, running.token, meta, Buffer.from(JSON.stringify(document)))
  process.exit(status)
}
