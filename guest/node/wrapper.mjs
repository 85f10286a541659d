// AWS_LAMBDA_EXEC_WRAPPER: Node cannot execute another program in its place, so this process starts the wrapper, lends
// it the channel, and ends as it ends. The wrapper executes the runtime once more, which finds what INIT said in a pipe.
import { spawn } from 'node:child_process'
import fs from 'node:fs'

const VARIABLE = '_LAMBENT_RUNTIME' // "channel:spec"
const CHANNEL = 3
const SPEC = 4
const NOT_FOUND = 127 // as a shell would end
const NOT_EXECUTABLE = 126

// Starts the wrapper of `spec`; this process has nothing else to do from then on.
export function underWrapper(channel, spec, script) {
  const environ = { ...spec.environ, [VARIABLE]: `${CHANNEL}:${SPEC}` }
  const child = spawn(spec.exec_wrapper, [process.execPath, script], {
    env: environ,
    cwd: spec.task_root,
    stdio: ['ignore', 1, 2, channel.fd, 'pipe'],
  })
  child.on('error', (error) => {
    fs.writeSync(2, `${spec.exec_wrapper}: ${error.message}\n`)
    process.exit(error.code === 'ENOENT' ? NOT_FOUND : NOT_EXECUTABLE)
  })
  child.on('spawn', () => channel.leave())
  child.on('exit', (status, signal) => (signal ? process.kill(process.pid, signal) : process.exit(status)))
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(name, () => child.kill(name))
  child.stdio[SPEC].on('error', () => {}) // a wrapper that executes something else does not read it
  child.stdio[SPEC].end(JSON.stringify({ ...spec, exec_wrapper: null, extensions: [] }))
}

// What a runtime under a wrapper was given: the descriptor of its channel, and what INIT said. Null without a wrapper.
// Variables, the handler's name among them, are what the wrapper made of them.
export function underneath() {
  const given = process.env[VARIABLE]
  if (!given) return null
  delete process.env[VARIABLE]
  const [channel, spec] = given.split(':').map(Number)
  const said = JSON.parse(fs.readFileSync(spec, 'utf8'))
  fs.closeSync(spec)
  return { channel, spec: { ...said, environ: { ...process.env }, handler: process.env._HANDLER ?? said.handler } }
}
