import type { UploadRecord } from '~/utils/uploads'

const NAME = 'dossier.uploads'
type Work<T> = (records: IDBObjectStore, files: IDBObjectStore) => IDBRequest<T> | undefined
const MOST_KEPT = 2_000_000_000
const MANY = 50
const MUCH = 4_000_000

/**
 * What goes on after a reload: the uploads under way and, as far as there is room, their bytes, in this browser's own store. Where the
 * browser gives none, nothing is kept and nothing fails.
 */
export function makeKeep(factory: IDBFactory | undefined = globalThis.indexedDB) {
  let opened: Promise<IDBDatabase | null> | undefined
  let kept = 0

  const open = () => opened ??= new Promise((resolve) => {
    if (!factory) return resolve(null)
    const request = factory.open(NAME, 1)
    request.onupgradeneeded = () => {
      request.result.createObjectStore('records', { keyPath: 'id' })
      request.result.createObjectStore('files')
    }
    request.onsuccess = () => resolve(request.result)
    request.onerror = request.onblocked = () => resolve(null)
  })

  /** What the step found; null where it failed, as it does when the disk is full. */
  async function run<T>(mode: IDBTransactionMode, work: Work<T>): Promise<T | undefined | null> {
    const db = await open()
    if (!db) return null
    return new Promise((resolve) => {
      try {
        const step = db.transaction(['records', 'files'], mode)
        const request = work(step.objectStore('records'), step.objectStore('files'))
        step.oncomplete = () => resolve(request?.result)
        step.onabort = () => resolve(null)
      }
      catch {
        resolve(null)
      }
    })
  }

  /** Keep some: at once what they are, and then their bytes while there is room. */
  async function add(entries: readonly { record: UploadRecord, file: Blob }[]): Promise<void> {
    await run('readwrite', (records) => {
      for (const { record } of entries) records.put(record)
      return undefined
    })
    for (const some of inParts(entries)) {
      const fitting = some.filter(({ file }) => kept + file.size <= MOST_KEPT)
      kept += fitting.reduce((sum, { file }) => sum + file.size, 0)
      await run('readwrite', (records, files) => {
        for (const { record, file } of fitting) {
          // One that has ended meanwhile leaves nothing behind.
          const there = records.count(record.id)
          there.onsuccess = () => there.result && files.put(file, record.id)
        }
        return undefined
      })
    }
  }
  const update = (record: UploadRecord) => run('readwrite', records => records.put(record)).then(() => undefined)
  function remove(ids: readonly string[]): Promise<void> {
    return run('readwrite', (records, files) => {
      for (const id of ids) {
        records.delete(id)
        files.delete(id)
      }
      return undefined
    }).then(() => undefined)
  }
  const all = async (): Promise<UploadRecord[]> => (await run('readonly', records => records.getAll() as IDBRequest<UploadRecord[]>)) ?? []
  const file = async (id: string): Promise<Blob | null> => {
    const found = await run('readonly', (_, files) => files.get(id) as IDBRequest<Blob | undefined>)
    if (found) kept += found.size
    return found ?? null
  }
  return { add, update, remove, all, file }
}

/** Small files go many at a time, large ones alone, so that a reload meets as few unkept bytes as can be. */
function* inParts<T extends { file: Blob }>(entries: readonly T[]): Generator<T[]> {
  let part: T[] = []
  let bytes = 0
  for (const entry of entries) {
    part.push(entry)
    bytes += entry.file.size
    if (part.length < MANY && bytes < MUCH) continue
    yield part
    part = []
    bytes = 0
  }
  if (part.length) yield part
}
