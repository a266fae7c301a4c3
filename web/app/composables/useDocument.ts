import type { Conflict } from '~/components/common/ConflictDialog.vue'
import type { Schemas } from '~/utils/types'

type Change = Schemas['DocumentChange']
type Field = 'name' | 'description' | 'tags'
type Choice = 'mine' | 'theirs' | 'edit'
const OF_FIELD: Record<string, Field> = { name: 'name', description: 'description', tags: 'tags' }
const OPEN_DOCUMENT: InjectionKey<ReturnType<typeof useDocument>> = Symbol('document')

/** One document with its folder, and the verbs on it. Changes show at once; a refused one is rolled back with a message. */
export function useDocument(id: string) {
  const api = useApi()
  const tell = useTell()
  const { t } = useLocale()
  const now = useNow()
  const session = useSession()
  const path = { document_id: id }
  const doc = shallowRef<Doc | null>(null)
  const folder = shallowRef<Folder | null>(null)
  const error = ref<unknown>(null)
  const conflict = ref<{ conflicts: Conflict[], settle: (choice: Choice) => void } | null>(null)
  let changing = 0

  const read = () => ok(api.GET('/api/v1/documents/{document_id}', { params: { path } }))

  /** Read it, or read it again; while a change is under way its answer is what counts. */
  async function load() {
    try {
      const next = await read()
      if (changing === 0) accept(next)
      if (folder.value?.id !== next.folder_id) await loadFolder(next.folder_id)
      error.value = null
    }
    catch (fault) {
      // A page that is open stays open over a bad connection; one that was never there, or is gone, says so.
      if (!doc.value || (fault instanceof Problem && fault.status === 404)) error.value = fault
    }
  }

  async function loadFolder(folderId: string) {
    folder.value = await ok(api.GET('/api/v1/folders/{folder_id}', { params: { path: { folder_id: folderId } } }))
  }

  function accept(next: Doc) {
    if (!doc.value || Number(next.etag) >= Number(doc.value.etag)) doc.value = next
  }

  /** Change name, tags, description or folder. True when it is settled, false when the person wants to go on editing. */
  async function change(patch: Change, base = doc.value): Promise<boolean> {
    if (!base) return false
    const before = doc.value!
    doc.value = { ...before, ...(patch as Partial<Doc>) }
    changing += 1
    try {
      const header = { 'If-Match': `"${base.etag}"` }
      doc.value = await ok(api.PATCH('/api/v1/documents/{document_id}', { params: { path, header }, body: patch }))
      return true
    }
    catch (fault) {
      doc.value = before
      if (fault instanceof Problem && fault.status === 412) return await settle(patch, base)
      tell.failed(t('document.not_saved'), fault)
      return false
    }
    finally {
      changing -= 1
    }
  }

  /** Somebody was quicker. Where they changed something else, both changes hold; else the person chooses. */
  async function settle(patch: Change, base: Doc): Promise<boolean> {
    const theirs = await read().catch(() => null)
    if (!theirs) return false
    accept(theirs)
    const clashes = Object.keys(patch).filter(name => clashing(name, patch, base, theirs)).map(name => OF_FIELD[name]!)
    const choice = clashes.length === 0 ? 'mine' : await choose(clashes, patch, theirs)
    if (choice === 'mine') return change(patch, theirs)
    return choice === 'theirs'
  }

  async function choose(fields: Field[], patch: Change, theirs: Doc): Promise<Choice> {
    const conflicts = fields.map(field => ({ label: t(`document.${field}`), mine: inWords(patch[field]), theirs: inWords(theirs[field]) }))
    const choice = await new Promise<Choice>(resolve => (conflict.value = { conflicts, settle: resolve }))
    conflict.value = null
    return choice
  }

  /** Take or renew the lock; an owner may take it over from somebody. */
  async function lock(takeOver = false) {
    try {
      const held = await ok(api.PUT('/api/v1/documents/{document_id}/lock', { params: { path }, body: { take_over: takeOver } }))
      doc.value = { ...doc.value!, lock: held }
      tell.done(t('document.locked_by_you'))
    }
    catch (fault) {
      tell.failed(t('document.not_locked'), fault)
      await load()
    }
  }

  async function unlock() {
    const before = doc.value!
    doc.value = { ...before, lock: null }
    try {
      await ok(api.DELETE('/api/v1/documents/{document_id}/lock', { params: { path } }))
    }
    catch (fault) {
      doc.value = before
      tell.failed(t('document.not_unlocked'), fault)
    }
  }

  /** Into the trash, to be taken back from the message; true when it is there. */
  async function trash(): Promise<boolean> {
    const name = doc.value!.name
    try {
      await ok(api.DELETE('/api/v1/documents/{document_id}', { params: { path } }))
      tell.done(t('document.trashed', { name }), { run: untrash })
      return true
    }
    catch (fault) {
      tell.failed(t('document.not_trashed', { name }), fault)
      return false
    }
  }

  /** Out of the trash again. */
  async function untrash() {
    try {
      doc.value = await ok(api.POST('/api/v1/documents/{document_id}/restore', { params: { path }, body: { on_conflict: 'rename' } }))
    }
    catch (fault) {
      tell.failed(t('document.not_restored'), fault)
    }
  }

  const held = computed(() => (doc.value?.lock && Date.parse(doc.value.lock.expires_at) > now.value ? doc.value.lock : null))
  const role = computed<Role>(() => folder.value?.role ?? 'viewer')
  return {
    id,
    doc,
    folder,
    error,
    conflict,
    load,
    change,
    lock,
    unlock,
    trash,
    untrash,
    held,
    mine: computed(() => held.value?.holder.id === session.memberId.value),
    mayEdit: computed(() => role.value !== 'viewer' && !doc.value?.trashed_at),
    owns: computed(() => role.value === 'owner'),
  }
}

export type OpenDocument = ReturnType<typeof useDocument>

/** Make a document the one that everything below this component is about. */
export function provideDocument(open: OpenDocument): OpenDocument {
  provide(OPEN_DOCUMENT, open)
  return open
}

/** The document that the page is about. */
export function useOpenDocument(): OpenDocument {
  return inject(OPEN_DOCUMENT)!
}

// Whether somebody else changed the same thing to something else.
function clashing(name: string, patch: Change, base: Doc, theirs: Doc): boolean {
  if (!(name in OF_FIELD)) return false
  const field = OF_FIELD[name]!
  const [was, is, wanted] = [base[field], theirs[field], patch[field]].map(value => JSON.stringify(value))
  return was !== is && is !== wanted
}

const inWords = (value: string | string[] | null | undefined) => (Array.isArray(value) ? value.join(', ') : value ?? '')
