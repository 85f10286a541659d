// Who a function is. Each sandbox has a uid of its own, which no passwd file knows, so Node cannot tell whose home that
// is and throws; AWS's SDKs look for their files there before anything else. It is answered as on AWS.
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'

const NAME = 'sbx_user1051'
const HOME = `/home/${NAME}`

export function giveHome() {
  const { homedir, userInfo } = os
  os.homedir = () => orElse(homedir, () => HOME)
  os.userInfo = (options) =>
    orElse(
      () => userInfo(options),
      () => ({ uid: process.getuid(), gid: process.getgid(), username: NAME, homedir: HOME, shell: '/sbin/nologin' }),
    )
  syncBuiltinESMExports() // for `import { homedir } from 'os'`
}

function orElse(ask, otherwise) {
  try {
    return ask()
  } catch {
    return otherwise()
  }
}
