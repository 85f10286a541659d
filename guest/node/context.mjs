// The context object: the second argument of every handler (the third of a streaming one).

const W3C_FIELDS = ['traceparent', 'tracestate', 'baggage']

// The members of a context from the meta of an invocation; throws for a client context that is no JSON.
export function contextMembers(meta) {
  const clientContext = parseClientContext(meta.context)
  const fields = takeW3c(clientContext)
  return {
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext,
    identity: meta.identity ?? undefined,
    invokedFunctionArn: meta.arn,
    awsRequestId: meta.id,
    tenantId: meta.tenant ?? undefined,
    getRemainingTimeInMillis: () => meta.deadline - Date.now(),
    w3c: () => fields,
  }
}

// Put the trace header where AWS's SDKs and X-Ray look for it.
export function setTrace(trace) {
  if (trace) process.env._X_AMZN_TRACE_ID = trace
  else delete process.env._X_AMZN_TRACE_ID
}

function parseClientContext(text) {
  if (!text) return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`Cannot parse ClientContext as json: ${error.toString()}`)
  }
}

// Take `w3c` out of the client context: handlers see it through context.w3c() alone.
function takeW3c(clientContext) {
  const found = clientContext?.w3c
  if (typeof clientContext === 'object' && clientContext !== null) delete clientContext.w3c
  if (typeof found !== 'object' || found === null) return Object.freeze({})
  const entries = W3C_FIELDS.filter((name) => typeof found[name] === 'string').map((name) => [name, found[name]])
  return Object.freeze(Object.fromEntries(entries))
}
