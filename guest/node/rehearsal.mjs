// While it is parked, a process goes the whole way from INIT to an answer once, with a function of its own: Node compiles
// a piece of code when it first runs, and does so here ahead of the call that waits for it. Nothing of that is left, and
// no INIT comes between: nothing here waits for the event loop.
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { headOf } from './channel.mjs'
import { patch } from './console.mjs'
import { setTrace } from './context.mjs'
import { callPlain, callWithCallback, Invocation } from './invocation.mjs'
import { load } from './loader.mjs'

const FOLDER = path.dirname(fileURLToPath(import.meta.url))
const TOKEN = Buffer.alloc(16)

export async function rehearse(channel) {
  const variables = { ...process.env }
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, variables)
  patch('Text', 'INFO')
  const handler = await load(FOLDER, 'rehearsed.handler', true)
  setTrace('Root=1')
  const nobody = { send: headOf, sendSoon() {} }
  for (const call of [callWithCallback, callPlain])
    void call(new Invocation(nobody, TOKEN, { id: '', deadline: 0 }, Buffer.from('{}'), () => {}), handler)
  setTrace(null)
  channel.rehearse()
  delete createRequire(import.meta.url).cache[path.join(FOLDER, 'rehearsed.js')]
}
