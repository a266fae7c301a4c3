import type { DetailedError, Upload } from 'tus-js-client'

import type { UploadItem } from '~/utils/uploads'

export const UPLOADS = '/api/v1/uploads'
// So small a file goes along with the request that announces it.
const AT_ONCE = 4_000_000

export interface Answer { status: number, code: string, detail: string }
export interface Hooks {
  begun: (url: string) => void
  progress: (sent: number) => void
  /** All bytes are there, and are read once more before the document is. */
  checking: () => void
  done: (made: { documentId: string, version: number } | null) => void
  failed: (answer: Answer) => void
}

/** Send one file, from its beginning or from where it stopped; ended by `abort` of what comes back. */
export async function sendFile(item: UploadItem, file: Blob, workspace: string | null, hooks: Hooks): Promise<Upload> {
  const { Upload } = await import('tus-js-client')
  let made: { documentId: string, version: number } | null = null
  const upload: Upload = new Upload(file, {
    // With both, a look that fails for any reason would begin a second upload.
    ...(item.url ? { uploadUrl: item.url } : { endpoint: UPLOADS }),
    metadata: metadataOf(item),
    headers: workspace ? { 'X-Workspace': workspace } : {},
    retryDelays: null,
    storeFingerprintForResuming: false,
    uploadDataDuringCreation: file.size <= AT_ONCE,
    onBeforeRequest: (request) => {
      if (request.getMethod() === 'POST') request.setHeader('Idempotency-Key', `${item.id}.${item.answers}`)
    },
    onAfterResponse: (_request, response) => {
      if (response.getHeader('Dossier-State') === 'hashing') hooks.checking()
      const documentId = response.getHeader('Dossier-Document')
      if (documentId) made = { documentId, version: Number(response.getHeader('Dossier-Version')) }
    },
    onUploadUrlAvailable: () => upload.url && hooks.begun(upload.url),
    onProgress: sent => hooks.progress(sent),
    onSuccess: () => hooks.done(made),
    onError: (error) => {
      const there = locationOf(error)
      if (there) hooks.begun(there)
      hooks.failed(answerOf(error))
    },
  })
  upload.start()
  return upload
}

/** What `Upload-Metadata` says; what is as usual is left out. */
export function metadataOf(item: UploadItem): Record<string, string> {
  const all = {
    filename: item.name,
    filetype: item.type,
    folder_id: item.documentId ? '' : item.folderId ?? '',
    document_id: item.documentId ?? '',
    path: item.path,
    comment: item.comment,
    on_conflict: item.onConflict === 'error' ? '' : item.onConflict,
    if_match: item.documentId ? item.ifMatch ?? '' : '',
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''))
}

const response = (error: Error) => (error as DetailedError).originalResponse ?? null

/** Where the bytes of a refused end are. */
function locationOf(error: Error): string | null {
  const answer = response(error)
  const method = (error as DetailedError).originalRequest?.getMethod()
  return method === 'POST' ? answer?.getHeader('Location') ?? null : null
}

/** The refusal in an error of the client; status 0 where there was no answer. */
export function answerOf(error: Error): Answer {
  const answer = response(error)
  if (!answer) return { status: 0, code: 'offline', detail: '' }
  let body: { code?: string, detail?: string, title?: string } = {}
  try {
    body = JSON.parse(answer.getBody())
  }
  catch {
    // A proxy's own page.
  }
  return { status: answer.getStatus(), code: body.code ?? 'unknown', detail: body.detail || body.title || '' }
}
