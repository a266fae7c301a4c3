import type { Upload } from 'tus-js-client'

import { sendFile, UPLOADS, type Answer } from '~/utils/uploadSend'

const AT_A_TIME = 3
const BEAT = 250
const SPEED_OVER = 6000
const CHECK_AGAIN = 3
type Made = { documentId: string, version: number }
type Wire = Schemas['Upload']

let made: ReturnType<typeof makeUploads> | undefined

/** Files on their way to the server: they survive leaving the page, a reload and a restart of the server. One for the whole portal. */
export const useUploads = () => made ??= makeUploads()

function makeUploads() {
  const session = useSession()
  const api = useApi()
  const keep = makeKeep()
  const items = shallowRef<UploadItem[]>([])
  const beat = ref(0)
  const speed = ref(0)
  const running = new Map<string, Upload | null>()
  const timers = new Map<string, ReturnType<typeof setTimeout>>()
  const attempts = new Map<string, number>()
  const policies = new Map<string, Choice>()
  const doneListeners = new Set<(made: Made) => void>()
  const owner = () => `${session.me.value?.user.id ?? ''}/${session.workspace.value ?? ''}`
  const ourTab = claimTab(randomKey)
  let tab = ''
  void ourTab.then(name => (tab = name))

  // The screen follows four times a second, however many files move.
  let pending: ReturnType<typeof setTimeout> | undefined
  const samples: { at: number, bytes: number }[] = []
  let moved = 0
  function changed() {
    pending ??= setTimeout(tick, BEAT)
  }
  function tick() {
    pending = undefined
    const now = Date.now()
    samples.push({ at: now, bytes: moved })
    while (samples.length > 2 && now - samples[0]!.at > SPEED_OVER) samples.shift()
    speed.value = running.size ? speedOf(samples) : 0
    beat.value += 1
    if (running.size) changed()
    else samples.length = 0
  }

  function set(item: UploadItem, state: UploadState, problem: UploadItem['problem'] = null) {
    Object.assign(item, { state, problem })
    changed()
  }

  // Adding

  /** Begin to send files; the tray shows how it goes. */
  async function add(picked: PickedAll, target: Partial<UploadTarget>): Promise<void> {
    await ourTab
    const batch = randomKey()
    const fresh: UploadItem[] = []
    for (const { file, path } of picked.files) {
      const item = itemFor(file, path, { batch, batchSize: picked.files.length }, target)
      const lost = items.value.find(each => each.state === 'lost' && isSame(each, item))
      if (lost) take(lost, file)
      else fresh.push(item)
    }
    items.value = [...items.value, ...fresh]
    changed()
    pump()
    void keep.add(fresh.map(item => ({ record: recordOf(item), file: item.file! })))
    for (const path of picked.folders) await makeFolders(path, target.folderId ?? null)
  }

  function itemFor(file: File, path: string, batch: Pick<UploadRecord, 'batch' | 'batchSize'>, target: Partial<UploadTarget>): UploadItem {
    const to = { folderId: null, documentId: null, comment: '', ifMatch: null, place: '', ...target }
    const record: UploadRecord = {
      ...to, ...batch, id: randomKey(), owner: owner(), tab, name: file.name, size: file.size, type: file.type, path,
      onConflict: 'error', answers: 0, url: null, paused: false,
    }
    return itemOf(record, file)
  }
  const isSame = (a: UploadItem, b: UploadItem) =>
    a.name === b.name && a.size === b.size && a.path === b.path && a.documentId === b.documentId && (a.folderId === b.folderId || !b.folderId)

  /** A newer version of a document; its name stays. */
  const newVersion = (document: Pick<Doc, 'id' | 'name'>, file: File, more: { comment?: string, ifMatch?: string } = {}) =>
    add({ files: [{ file, path: '' }], folders: [] }, { documentId: document.id, place: document.name, comment: more.comment ?? '', ifMatch: more.ifMatch ?? null })

  /** Folders without files come too; those that are there already are used. */
  async function makeFolders(path: string, above: string | null) {
    let parent = above
    for (const name of path.split('/')) {
      const answer = await api.POST('/api/v1/folders', { body: { name, parent_id: parent } }).catch(() => null)
      if (answer?.data) parent = answer.data.id
      else parent = (answer?.error as { existing?: { kind: string, id: string } } | undefined)?.existing?.id ?? null
      if (!parent) return
    }
  }

  // Sending

  function pump() {
    for (const item of items.value) {
      if (running.size >= AT_A_TIME) return
      if (item.state === 'waiting' && !running.has(item.id)) void start(item)
    }
  }
  async function start(item: UploadItem) {
    running.set(item.id, null)
    set(item, 'sending')
    const file = item.file ?? new Blob()
    const ours = () => running.has(item.id) && ['sending', 'checking', 'stalled'].includes(item.state)
    const upload = await sendFile(item, file, session.workspace.value, {
      begun: url => ours() && noteUrl(item, url),
      progress: (sent) => {
        if (!ours()) return
        moved += Math.max(0, sent - item.sent)
        if (sent > item.sent) attempts.delete(item.id)
        item.sent = sent
        if (item.state === 'stalled') set(item, 'sending')
        changed()
      },
      checking: () => ours() && set(item, 'checking'),
      done: found => ours() && finish(item, found),
      failed: answer => ours() && void judge(item, answer),
    }).catch(() => null)
    if (!upload) return void judge(item, { status: 0, code: 'offline', detail: '' })
    if (ours()) running.set(item.id, upload)
    else void upload.abort()
  }
  function noteUrl(item: UploadItem, url: string) {
    item.url = new URL(url, location.origin).pathname
    void keep.update(recordOf(item))
  }
  /** Give the place to the next one. */
  function leave(item: UploadItem) {
    void running.get(item.id)?.abort()
    running.delete(item.id)
    clearTimeout(timers.get(item.id))
    timers.delete(item.id)
    pump()
  }
  function finish(item: UploadItem, found: Made | null) {
    item.sent = item.size
    item.made = found
    item.file = null
    set(item, 'done')
    leave(item)
    attempts.delete(item.id)
    void keep.remove([item.id])
    if (found) for (const each of doneListeners) each(found)
  }

  async function judge(item: UploadItem, answer: Answer) {
    const problem = { code: answer.code, detail: answer.detail }
    switch (nextAfter(answer.status, answer.code, item.url !== null)) {
      case 'again':
        return again(item)
      case 'sign-in':
        set(item, 'stalled')
        if (await session.renew() && item.state === 'stalled') retry(item)
        return
      case 'anew':
        item.url = null
        item.answers += 1
        return again(item)
      case 'ask': {
        set(item, 'asking', problem)
        item.versionRefused = item.onConflict === 'version'
        const policy = policies.get(item.batch)
        leave(item)
        if (policy && !(policy === 'version' && item.versionRefused)) await answerOne(item, policy)
        return
      }
      default:
        set(item, 'refused', problem)
        leave(item)
    }
  }
  /** Wait, and go on from where the server is. It keeps its place: the others would meet the same silence. */
  function again(item: UploadItem) {
    const attempt = attempts.get(item.id) ?? 0
    attempts.set(item.id, attempt + 1)
    set(item, 'stalled')
    running.set(item.id, null)
    later(item, waitBefore(attempt), () => item.state === 'stalled' && void start(item))
  }
  function later(item: UploadItem, seconds: number, go: () => void) {
    timers.set(item.id, setTimeout(() => {
      timers.delete(item.id)
      go()
    }, seconds * 1000))
  }
  function wake() {
    for (const item of items.value) {
      if (item.state !== 'stalled' || !timers.has(item.id)) continue
      clearTimeout(timers.get(item.id))
      timers.delete(item.id)
      void start(item)
    }
  }

  // What the person can do

  function pause(item: UploadItem) {
    item.paused = true
    set(item, 'paused')
    leave(item)
    void keep.update(recordOf(item))
  }
  function resume(item: UploadItem) {
    item.paused = false
    set(item, 'waiting')
    void keep.update(recordOf(item))
    pump()
  }
  /** End it; what has come of it is forgotten on the server too. */
  async function cancel(item: UploadItem, state: UploadState = 'skipped') {
    const url = item.url
    item.file = null
    set(item, state)
    leave(item)
    items.value = items.value.filter(each => each !== item)
    const params = { path: { upload_id: idOf(url ?? '') }, header: { 'Tus-Resumable': '1.0.0' as const } }
    // It goes out even when the page is closed with the same breath.
    const dropping = url ? api.DELETE('/api/v1/uploads/{upload_id}', { params, keepalive: true }).catch(() => null) : null
    await Promise.all([keep.remove([item.id]), dropping])
  }
  const idOf = (url: string) => url.split('/').pop()!

  /** Try again what was refused, from where it is. */
  function retry(item: UploadItem) {
    running.delete(item.id)
    if (!item.file && item.url) return void finishAgain(item)
    set(item, 'waiting')
    pump()
  }

  /** What is to become of a name that exists; `all`: for the other ones too, and for those that come of the same drop. */
  async function answer(item: UploadItem, choice: Choice, all: boolean) {
    const others = all ? items.value.filter(each => each.state === 'asking' && !(choice === 'version' && each.versionRefused)) : [item]
    if (all) for (const each of others) policies.set(each.batch, choice)
    await Promise.all(others.map(each => answerOne(each, choice)))
  }
  /** Put the choice off; it waits in the tray. */
  function hold(item: UploadItem) {
    item.held = true
    changed()
  }
  function askAgain(item: UploadItem) {
    item.held = false
    changed()
  }
  async function answerOne(item: UploadItem, choice: Choice) {
    if (choice === 'skip') return cancel(item)
    item.onConflict = choice
    item.answers += 1
    item.held = false
    void keep.update(recordOf(item))
    if (item.url) return finishAgain(item)
    set(item, item.file || item.size === 0 ? 'waiting' : 'lost')
    pump()
  }
  /** The bytes are there; only the end was refused. */
  async function finishAgain(item: UploadItem) {
    if (item.state !== 'checking') set(item, 'sending')
    running.set(item.id, null)
    try {
      const body = { on_conflict: item.onConflict }
      const upload = await ok(api.POST('/api/v1/uploads/{upload_id}/finish', { params: { path: { upload_id: idOf(item.url!) } }, body }))
      if (upload.state === 'hashing') return check(item)
      finish(item, upload.document && { documentId: upload.document.id, version: upload.document.version })
    }
    catch (fault) {
      if (!(fault instanceof Problem)) throw fault
      if (fault.code === 'upload_incomplete' && item.file) {
        running.delete(item.id)
        set(item, 'waiting')
        return pump()
      }
      await judge(item, fault)
    }
  }

  /** The server reads it once more; its job tells the end, which is looked for now and then. */
  function check(item: UploadItem) {
    leave(item)
    set(item, 'checking')
    later(item, CHECK_AGAIN, () => item.state === 'checking' && void finishAgain(item))
  }

  /** Bytes that only the person has: those of the same name and size go on. How many did. */
  function rechoose(files: Iterable<File>): number {
    let count = 0
    for (const file of files) {
      const item = items.value.find(each => each.state === 'lost' && each.name === file.name && each.size === file.size)
      if (!item) continue
      take(item, file)
      count += 1
    }
    pump()
    return count
  }
  function take(item: UploadItem, file: File) {
    item.file = file
    set(item, 'waiting')
    void keep.add([{ record: recordOf(item), file }])
  }

  function clearDone() {
    items.value = items.value.filter(each => each.state !== 'done')
    if (items.value.length === 0) policies.clear()
  }
  const pauseAll = () => items.value.filter(each => ['waiting', 'sending', 'stalled'].includes(each.state)).forEach(pause)
  const resumeAll = () => items.value.filter(each => each.state === 'paused').forEach(resume)
  const cancelAll = () => Promise.all(items.value.filter(each => each.state !== 'done').map(each => cancel(each)))

  // Coming back

  let restored: Promise<void> | undefined
  /** Take up what a reload or an earlier visit left: with the bytes kept here it goes on, else the person is asked for the file. */
  const restore = () => restored ??= takeUp().catch(() => undefined)

  async function takeUp() {
    tab = await ourTab
    const records = (await keep.all()).filter(each => each.owner === owner())
    const tabs = [...new Set(records.map(each => each.tab))]
    const free = new Set((await Promise.all(tabs.map(async each => (each === tab || await inherit(each) ? [each] : [])))).flat())
    const there = new Set(items.value.map(each => each.id))
    const found = await Promise.all(records.filter(each => free.has(each.tab) && !there.has(each.id)).map(async (record) => {
      return itemOf({ ...record, tab }, await keep.file(record.id))
    }))
    const onServer = await openUploads().catch(() => [])
    for (const item of found) compare(item, onServer.find(each => item.url && each.id === idOf(item.url)))
    const known = new Set([...records, ...items.value].map(each => each.url && idOf(each.url)))
    found.push(...onServer.filter(each => !known.has(each.id)).map(fromWire))
    items.value = [...items.value, ...found]
    for (const item of found) if (there.size === 0 || !there.has(item.id)) void keep.update(recordOf(item))
    changed()
    pump()
  }
  async function openUploads(): Promise<Wire[]> {
    const found: Wire[] = []
    let after: string | undefined
    do {
      const page = await ok(api.GET('/api/v1/uploads', { params: { query: { limit: 200, after } } }))
      // Parts, and files whose length is still to come, are other programs' business.
      found.push(...page.items.filter(each => !each.part && each.size !== null))
      after = page.next ?? undefined
    } while (after)
    return found
  }
  /** What the server knows better. */
  function compare(item: UploadItem, wire: Wire | undefined) {
    if (!wire) return
    item.sent = wire.offset
    if (wire.state === 'hashing') return check(item)
    if (wire.state !== 'refused') return
    const problem = wire.problem && { code: wire.problem.code, detail: wire.problem.detail }
    item.state = wire.problem?.code === 'name_taken' ? 'asking' : 'refused'
    Object.assign(item, { problem, held: true })
  }
  function fromWire(wire: Wire): UploadItem {
    const { name, path, comment } = wire
    const size = wire.size ?? 0
    const record: UploadRecord = {
      id: wire.id, owner: owner(), tab, batch: wire.id, batchSize: 1, name, size, type: '', path, comment, folderId: wire.folder_id, documentId: wire.document_id,
      ifMatch: null, place: '', onConflict: wire.on_conflict, answers: 0, url: `${UPLOADS}/${wire.id}`, paused: false,
    }
    const item = itemOf(record, null)
    compare(item, wire)
    return item
  }

  function onDone(listener: (made: Made) => void) {
    doneListeners.add(listener)
    onScopeDispose(() => doneListeners.delete(listener))
  }
  window.addEventListener('online', wake)

  const summary = computed(() => (beat.value, summaryOf(items.value)))
  const ordered = computed(() => (beat.value, inOrder(items.value)))
  const asking = computed(() => (beat.value, items.value.filter(each => each.state === 'asking')))

  return {
    items, ordered, summary, asking, speed, beat, add, newVersion, pause, resume, cancel, retry, answer, hold, askAgain, rechoose,
    clearDone, pauseAll, resumeAll, cancelAll, restore, wake, onDone,
  }
}
export type Uploads = ReturnType<typeof useUploads>
