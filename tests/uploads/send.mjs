// Sends a file by tus-js-client, the way that the first argument names, and prints the address of the upload.
import { createReadStream, statSync } from 'node:fs'
import { Upload } from '../../web/node_modules/tus-js-client/lib.esm/node/index.js'

const [, , way, endpoint, token, path] = process.argv
const ways = {
  whole: { file: () => createReadStream(path), options: { uploadSize: statSync(path).size } },
  pieces: { file: () => createReadStream(path), options: { uploadSize: statSync(path).size, chunkSize: 1_000_000 } },
  again: { file: () => createReadStream(path), options: { uploadSize: statSync(path).size, uploadUrl: endpoint } },
  parallel: { file: () => createReadStream(path), options: { parallelUploads: 3 } },
}
const { file, options } = ways[way]
const upload = new Upload(file(), {
  endpoint,
  headers: { Authorization: `Bearer ${token}` },
  metadata: { filename: `${way} ${Date.now()}.bin` },
  retryDelays: null,
  ...options,
  onError: (error) => {
    console.error(String(error))
    process.exit(1)
  },
  onSuccess: () => console.log(upload.url),
})
upload.start()
