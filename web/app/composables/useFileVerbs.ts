import type { Conflict } from '~/components/common/ConflictDialog.vue'

const WIDTH = 4
const MOST_IN_A_ZIP = 1000

/** What can be done with lines of the list. It shows at once and is taken back where the server refuses. */
export function useFileVerbs(list: Listing, selection: RowSelection) {
  const api = useApi()
  const folders = useFolders()
  const tell = useTell()
  const { t } = useLocale()
  const { download: save } = useSaving()
  const conflict = ref<{ conflicts: Conflict[], settle: (mine: boolean) => void } | null>(null)

  const what = (rows: readonly Row[]) => t('documents.n_things', { n: rows.length, name: rows[0]?.name ?? '' }, rows.length)
  const documentPath = (row: Row) => ({ path: { document_id: row.id } })
  const folderPath = (row: Row) => ({ path: { folder_id: row.id } })

  function show(row: Row) {
    if (row.kind === 'document') list.put(row.document)
    else folders.put(row.folder)
  }
  function hide(rows: readonly Row[]) {
    selection.forget(rows.map(row => row.id))
    list.remove(rows.filter(row => row.kind === 'document').map(row => row.id))
    for (const row of rows) if (row.kind === 'folder') folders.drop(row.id)
  }

  /** Rename; null where that is settled, else why the name cannot be. */
  async function rename(row: Row, name: string): Promise<Problem | null> {
    const wanted = name.trim()
    if (wanted === '' || wanted === row.name) return null
    try {
      if (row.kind === 'document') {
        list.put({ ...row.document, name: wanted })
        list.put(await renamed(row.document, wanted))
      }
      else {
        folders.put({ ...row.folder, name: wanted })
        const header = { 'If-Match': `"${row.folder.etag}"` }
        folders.put(await ok(api.PATCH('/api/v1/folders/{folder_id}', { params: { ...folderPath(row), header }, body: { name: wanted } })))
      }
      return null
    }
    catch (fault) {
      show(row)
      if (fault instanceof Problem && (fault.status === 409 || fault.status === 422)) return fault
      tell.failed(t('documents.rename_failed', { name: row.name }), fault)
      return null
    }
  }

  /** Somebody may have changed it meanwhile: something else does not matter, another new name is the person's choice. */
  async function renamed(document: Doc, name: string): Promise<Doc> {
    const params = { path: { document_id: document.id }, header: { 'If-Match': `"${document.etag}"` } }
    try {
      return await ok(api.PATCH('/api/v1/documents/{document_id}', { params, body: { name } }))
    }
    catch (fault) {
      if (!(fault instanceof Problem) || fault.status !== 412) throw fault
      const theirs = await ok(api.GET('/api/v1/documents/{document_id}', { params: { path: params.path } }))
      if (theirs.name !== document.name && !await mineWins(name, theirs.name)) return theirs
      return renamed(theirs, name)
    }
  }
  function mineWins(mine: string, theirs: string): Promise<boolean> {
    return new Promise((settle) => {
      conflict.value = { conflicts: [{ label: t('documents.name'), mine, theirs }], settle }
    }).then((won) => {
      conflict.value = null
      return Boolean(won)
    })
  }

  /** Move to another folder, and back from the message. */
  async function move(rows: readonly Row[], folder: Folder): Promise<void> {
    const to = (row: Row, target: string) => row.kind === 'document'
      ? ok(api.PATCH('/api/v1/documents/{document_id}', { params: documentPath(row), body: { folder_id: target } })).then(list.put)
      : ok(api.PATCH('/api/v1/folders/{folder_id}', { params: folderPath(row), body: { parent_id: target } })).then(each => void folders.put(each))
    const from = new Map(rows.map(row => [row.id, row.kind === 'document' ? row.document.folder_id : row.folder.parent_id]))
    hide(rows)
    const done = await attempt(rows, row => to(row, folder.id), 'documents.move_failed')
    if (done.length === 0) return
    tell.done(t('documents.moved', { what: what(done), folder: folders.label(folder) }), {
      run: () => attempt(done, row => to(row, from.get(row.id)!), 'documents.move_failed'),
    })
  }

  /** Move to the trash, and back from the message. */
  async function trash(rows: readonly Row[]): Promise<void> {
    hide(rows)
    const done = await attempt(rows, row => row.kind === 'document'
      ? ok(api.DELETE('/api/v1/documents/{document_id}', { params: documentPath(row) }))
      : ok(api.DELETE('/api/v1/folders/{folder_id}', { params: { ...folderPath(row), query: { recursive: true } } })), 'documents.trash_failed')
    if (done.length) tell.done(t('documents.trashed', { what: what(done) }), { run: () => untrash(done) })
  }
  async function untrash(rows: readonly Row[]) {
    const back = (row: Row) => row.kind === 'document'
      ? ok(api.POST('/api/v1/documents/{document_id}/restore', { params: documentPath(row), body: { on_conflict: 'rename' } })).then(list.put)
      : ok(api.POST('/api/v1/folders/{folder_id}/restore', { params: folderPath(row) })).then(each => void folders.put(each))
    const done = await attempt(rows, back, 'documents.restore_failed')
    if (done.length) tell.done(t('documents.restored', { what: what(done) }))
  }

  /** Those with which it went well; the others are shown again, and one message says why. */
  async function attempt<R>(rows: readonly Row[], work: (row: Row) => Promise<R>, failed: string): Promise<Row[]> {
    const outcomes = await pooled(rows, WIDTH, work)
    const refused = outcomes.filter(each => each.error !== undefined)
    refused.forEach(each => show(each.item))
    if (refused.length) tell.failed(t(failed, { what: what(refused.map(each => each.item)) }), refused[0]!.error)
    return outcomes.filter(each => each.error === undefined).map(each => each.item)
  }

  /** Add and take away tags on many documents at once. */
  async function retag(rows: readonly Row[], add: readonly string[], drop: readonly string[]): Promise<void> {
    const gone = new Set(drop.map(tagKey))
    const tagged = (document: Doc) => {
      const rest = document.tags.filter(tag => !gone.has(tagKey(tag)))
      const there = new Set(rest.map(tagKey))
      return [...rest, ...add.filter(tag => !there.has(tagKey(tag)))]
    }
    const of = rows.filter(row => row.kind === 'document')
    for (const row of of) list.put({ ...row.document, tags: tagged(row.document) })
    const done = await attempt(of, row => row.kind === 'document'
      ? ok(api.PATCH('/api/v1/documents/{document_id}', { params: documentPath(row), body: { tags: tagged(row.document) } })).then(list.put)
      : Promise.resolve(), 'documents.tag_failed')
    if (done.length) tell.done(t('documents.tagged'))
  }

  /** One document as it is, anything else as a zip. */
  async function download(rows: readonly Row[]): Promise<void> {
    const [only] = rows
    if (rows.length > MOST_IN_A_ZIP) return void tell.failed(t('documents.download_limit'))
    if (rows.length === 1 && only?.kind === 'document') return save(`/api/v1/documents/${only.id}/content`)
    const ids = (kind: Row['kind']) => rows.filter(row => row.kind === kind).map(row => row.id)
    try {
      const body = { document_ids: ids('document'), folder_ids: ids('folder') }
      save((await ok(api.POST('/api/v1/downloads', { body }))).url, false)
    }
    catch (fault) {
      tell.failed(t('documents.download_failed'), fault, () => download(rows))
    }
  }

  return { rename, move, trash, retag, download, conflict, what }
}
export type FileVerbs = ReturnType<typeof useFileVerbs>
