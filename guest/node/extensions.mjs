// Starts the external extensions of an environment beside this runtime, and reports how each ends, through the port of
// the APIs in connections that do not begin with HTTP (see extension_spawner.py, which does it for the other runtimes).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'

// Resolves when all have been started; that they are ready is the platform's to know.
export async function startExtensions(paths, environ) {
  const [host, port] = environ.AWS_LAMBDA_RUNTIME_API.split(':')
  const address = { host, port: Number(port) }
  const news = await connect(address, 'LAMBENT-PROCESSES')
  const started = []
  for (const file of paths) started.push(await start(file, environ, address, news))
  await Promise.all(started)
}

async function start(file, environ, address, news) {
  const name = path.basename(file)
  const output = await connect(address, `LAMBENT-OUTPUT ${name}`)
  const child = spawn(file, [], { env: environ, cwd: '/', stdio: ['ignore', output, output] })
  child.unref() // neither it nor its connections keep an invocation from being over
  child.on('exit', (status, signal) => tell(news, 'exit', waitStatus(status, signal), name))
  child.on('error', (error) => tell(news, 'launch', Math.abs(error.errno ?? 1), name))
  child.on('spawn', () => output.destroy())
}

async function connect(address, introduction) {
  const socket = net.connect(address)
  socket.unref()
  socket.on('error', () => {}) // the environment is ending
  await once(socket, 'connect')
  await new Promise((resolve) => socket.write(`${introduction}\n`, resolve))
  return socket
}

function tell(news, kind, number, name) {
  news.write(`${kind} ${number} ${name}\n`)
}

// As waitpid would tell it.
function waitStatus(status, signal) {
  return signal === null ? status << 8 : os.constants.signals[signal]
}
