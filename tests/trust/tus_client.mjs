// What the portal's own client of tus does, told as JSON: node tus_client.mjs ENDPOINT TOKEN SCENARIO FILE
import { openSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const [endpoint, token, scenario, path] = process.argv.slice(2)
const tus = createRequire(new URL('../../web/package.json', import.meta.url))('tus-js-client')
const body = readFileSync(path)
const seen = []

function upload(options) {
  return new Promise((resolve, reject) => {
    const sending = new tus.Upload(body, {
      endpoint,
      headers: { Authorization: `Bearer ${token}` },
      metadata: { filename: `${scenario}.bin`, filetype: 'application/octet-stream' },
      retryDelays: [0, 50, 200, 1000],
      onError: reject,
      onSuccess: ({ lastResponse }) => resolve({
        url: sending.url,
        document: lastResponse.getHeader('Dossier-Document'),
        version: lastResponse.getHeader('Dossier-Version')
      }),
      onAfterResponse: (request, response) => {
        seen.push(`${request.getMethod()} ${response.getStatus()}`)
      },
      ...options,
      onProgress: sent => options.onProgress?.(sent, sending, resolve)
    })
    sending.start()
  })
}

function once(call) {
  let done = false
  return (...given) => {
    if (!done) call(...given)
    done = true
  }
}

const scenarios = {
  whole: () => upload({}),
  nothing: () => upload({}),
  chunks: () => upload({ chunkSize: 100_000 }),
  creation: () => upload({ chunkSize: 300_000, uploadDataDuringCreation: true }),
  async resumed() {
    const stopped = await upload({
      chunkSize: 200_000,
      onProgress: (sent, sending, resolve) => {
        if (sent > 400_000) sending.abort().then(() => resolve({ url: sending.url }))
      }
    })
    return upload({ uploadUrl: stopped.url })
  },
  async ended() {
    const stopped = await upload({
      onProgress: once((_sent, sending, resolve) => sending.abort(true).then(() => resolve({ url: sending.url })))
    })
    return { url: stopped.url }
  },
  // The name is taken before the last bytes come, and stays so: no success, whatever is tried.
  async refused() {
    let requests = 0
    async function onBeforeRequest() {
      requests += 1
      if (requests !== 3) return
      const address = endpoint.replace('uploads', `documents?name=${scenario}.bin`)
      await fetch(address, { method: 'POST', headers: { Authorization: `Bearer ${token}` }, body: 'quicker' })
    }
    return upload({ chunkSize: 300_000, onBeforeRequest }).then(
      () => ({ fault: 'it was taken for success' }),
      error => ({ problem: JSON.parse(error.originalResponse.getBody()).code })
    )
  }
}

const result = await scenarios[scenario]()
console.log(JSON.stringify({ ...result, seen }))
