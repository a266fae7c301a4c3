/** What a file is on its way to. */
export type UploadState
  = | 'waiting' // for its turn
    | 'sending'
    | 'checking' // all bytes are there; the server reads them once more
    | 'paused' // by the person
    | 'stalled' // no connection; goes on by itself
    | 'asking' // the name exists there; the person chooses
    | 'refused' // it cannot be; `problem` says why
    | 'lost' // the page was closed and the bytes are only with the person
    | 'done'
    | 'skipped'
export type Choice = 'version' | 'rename' | 'skip'

/** Where files are to go: a folder, or a document that they become the newest version of. */
export interface UploadTarget { folderId: string | null, documentId: string | null, comment: string, ifMatch: string | null, place: string }

/** What is kept of an upload over a reload. */
export interface UploadRecord extends UploadTarget {
  id: string
  owner: string
  tab: string
  batch: string
  batchSize: number
  name: string
  size: number
  type: string
  path: string
  onConflict: 'error' | 'version' | 'rename'
  answers: number
  url: string | null
  paused: boolean
}

/** One line of the tray. */
export interface UploadItem extends UploadRecord {
  file: Blob | null
  state: UploadState
  sent: number
  speed: number
  problem: { code: string, detail: string } | null
  made: { documentId: string, version: number } | null
  /** A folder has the name: a version of it cannot be. */
  versionRefused: boolean
  /** The choice was put off. */
  held: boolean
}

const RECORD = [
  'id', 'owner', 'tab', 'batch', 'batchSize', 'name', 'size', 'type', 'path', 'folderId', 'documentId', 'comment', 'ifMatch', 'place', 'onConflict',
  'answers', 'url', 'paused',
] as const satisfies readonly (keyof UploadRecord)[]

/** What of a line is kept. */
export const recordOf = (item: UploadItem): UploadRecord => Object.fromEntries(RECORD.map(key => [key, item[key]])) as unknown as UploadRecord

/** A line of the tray from what was kept of it, or from nothing. */
export function itemOf(record: UploadRecord, file: Blob | null): UploadItem {
  const state = !file && record.size > 0 ? 'lost' : record.paused ? 'paused' : 'waiting'
  return { ...record, file, state, sent: 0, speed: 0, problem: null, made: null, versionRefused: false, held: false }
}

/** How a refused request goes on. */
export type Next = 'again' | 'sign-in' | 'ask' | 'anew' | 'refused'

/** Judge an answer: `status` 0 means there was none. `resuming`: whether the upload had begun before. */
export function nextAfter(status: number, code: string, resuming: boolean): Next {
  if (status === 0 || status === 408 || status === 429 || (status >= 500 && status !== 507)) return 'again'
  if (code === 'offset_mismatch' || code === 'upload_busy') return 'again'
  if (status === 401) return 'sign-in'
  if (code === 'name_taken') return 'ask'
  if (resuming && (status === 410 || code === 'upload_not_found')) return 'anew'
  return 'refused'
}

/** Seconds to wait before try `attempt` (from 0): soon at first, never longer than half a minute. */
export const waitBefore = (attempt: number): number => Math.min(30, 2 ** attempt)

/** Bytes a second out of what had come at some moments, the newest last. */
export function speedOf(samples: readonly { at: number, bytes: number }[]): number {
  const [first, last] = [samples[0], samples.at(-1)]
  if (!first || !last || last.at <= first.at) return 0
  return Math.max(0, ((last.bytes - first.bytes) * 1000) / (last.at - first.at))
}

export interface UploadSummary { all: number, open: number, done: number, trouble: number, paused: number, bytes: number, sent: number, moving: boolean }

const OPEN: readonly UploadState[] = ['waiting', 'sending', 'checking', 'stalled']
const TROUBLE: readonly UploadState[] = ['asking', 'refused', 'lost']

/** All lines in a few numbers. */
export function summaryOf(items: readonly UploadItem[]): UploadSummary {
  const found = { all: 0, open: 0, done: 0, trouble: 0, paused: 0, bytes: 0, sent: 0, moving: false }
  for (const item of items) {
    if (item.state === 'skipped') continue
    found.all += 1
    found.open += Number(OPEN.includes(item.state))
    found.done += Number(item.state === 'done')
    found.trouble += Number(TROUBLE.includes(item.state))
    found.paused += Number(item.state === 'paused')
    found.bytes += item.size
    found.sent += item.state === 'done' ? item.size : item.sent
  }
  found.moving = found.open > 0
  return found
}

const ORDER: Record<UploadState, number> = { asking: 0, refused: 0, lost: 0, sending: 1, checking: 1, stalled: 1, paused: 2, waiting: 3, done: 4, skipped: 5 }

/** What needs somebody first, then what moves, what waits, what is done. */
export const inOrder = (items: readonly UploadItem[]): UploadItem[] => [...items].sort((a, b) => ORDER[a.state] - ORDER[b.state])

/** How long it will take, in words that do not jump. */
export function timeLeft(seconds: number, t: (key: string, values: { n: number }) => string): string {
  if (seconds < 60) return t('uploads.left_seconds', { n: Math.max(1, Math.ceil(seconds / 5) * 5) })
  return seconds < 3600 ? t('uploads.left_minutes', { n: Math.ceil(seconds / 60) }) : t('uploads.left_hours', { n: Math.ceil(seconds / 3600) })
}
