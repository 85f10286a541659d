// From the handler setting to the function itself, in the order in which AWS's client looks for it.
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import * as errors from './errors.mjs'
import { installGlobal, isStreaming } from './stream.mjs'

// The path that AWS's client has; it shows in "Require stack".
const require = createRequire('/var/runtime/index.mjs')
const NO_CALLBACKS =
  'ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to ' +
  'modify this function to use a supported handler signature to use Node.js 24 or later. For more information see ' +
  'https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.'

// The function that `handler` ("dir/file.nested.name") means under `root`; throws what AWS reports for a bad one.
export async function load(root, handler, callbacksAllowed) {
  if (handler.includes('..')) {
    const advice = 'Use absolute paths when specifying root directories in handler names.'
    throw new errors.MalformedHandlerName(`'${handler}' is not a valid handler name. ${advice}`)
  }
  const { folder, file, names } = split(handler)
  installGlobal()
  const found = names.reduce((value, name) => value && value[name], await loadModule(root, folder, file))
  if (!found) throw new errors.HandlerNotFound(`${handler} is undefined or not exported`)
  if (typeof found !== 'function') throw new errors.HandlerNotFound(`${handler} is not a function`)
  if (!callbacksAllowed && found.length >= 3 && !isStreaming(found)) throw new errors.CallbackHandlerDeprecated(NO_CALLBACKS)
  return found
}

function split(handler) {
  const base = path.basename(handler)
  const match = base.match(/^([^.]*)\.(.*)$/)
  if (!match) throw new errors.MalformedHandlerName('Bad handler')
  return { folder: handler.substring(0, handler.indexOf(base)), file: match[1], names: match[2].split('.') }
}

async function loadModule(root, folder, file) {
  try {
    return await findModule(root, folder, file)
  } catch (error) {
    if (error instanceof SyntaxError) throw new errors.UserCodeSyntaxError(error)
    if (error?.code === 'MODULE_NOT_FOUND') throw new errors.ImportModuleError(error)
    throw error
  }
}

async function findModule(root, folder, file) {
  const base = path.resolve(root, folder, file)
  const isModule = fs.existsSync(base + '.js') && belongsToModulePackage(path.dirname(base))
  const attempts = [
    () => requireFile(base),
    () => !isModule && requireFile(base + '.js'),
    () => isModule && importFile(base + '.js'),
    () => importFile(base + '.mjs'),
    () => requireFile(base + '.cjs'),
  ]
  for (const attempt of attempts) {
    const loaded = await attempt()
    if (loaded) return loaded
  }
  return require(require.resolve(file, { paths: [root, folder] }))
}

function requireFile(file) {
  return fs.existsSync(file) ? require(file) : undefined
}

async function importFile(file) {
  return fs.existsSync(file) ? import(pathToFileURL(file).href) : undefined
}

// Whether the nearest package.json says "type": "module".
function belongsToModulePackage(folder) {
  if (folder.endsWith('/node_modules')) return false
  const file = path.join(folder, 'package.json')
  if (fs.existsSync(file)) {
    try {
      return JSON.parse(fs.readFileSync(file, 'utf8'))?.type === 'module'
    } catch (error) {
      console.warn(`${file} cannot be read, it will be ignored for ES module detection purposes.`, error)
      return false
    }
  }
  return folder === '/' ? false : belongsToModulePackage(path.resolve(folder, '..'))
}
