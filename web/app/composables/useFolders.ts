/** What is known of the folders below one: ids in order of their names, and how far the look at them is. */
export interface Branch { ids: string[], state: 'loading' | 'done' | 'failed', error?: unknown }

const known = shallowReactive(new Map<string, Folder>())
const branches = shallowReactive(new Map<string, Branch>())
const tops = shallowRef<string[] | null>(null)
const rootId = computed(() => tops.value?.find(id => isRoot(known.get(id))) ?? null)
let asked: Promise<void> | undefined
let of: string | null = null

// The root's name is the workspace's; a folder out of a hidden one has no parent either, but is restricted.
const isRoot = (folder: Folder | undefined) => folder !== undefined && folder.parent_id === null && !folder.restricted

/** All folders that were looked at, kept for the tree, the breadcrumb and the pickers; they follow what happens live. */
export function useFolders() {
  const { workspace } = useSession()
  const { t } = useLocale()
  const api = useApi()
  if (of !== workspace.value) forget(workspace.value)

  async function page(query: { parent_id?: string, top?: boolean }): Promise<Folder[]> {
    const found: Folder[] = []
    let after: string | undefined
    do {
      const answer = await ok(api.GET('/api/v1/folders', { params: { query: { ...query, limit: 200, after } } }))
      found.push(...answer.items)
      after = answer.next ?? undefined
    } while (after)
    for (const folder of found) known.set(folder.id, folder)
    return found
  }

  /** Learn the root, and what is shared out of hidden folders. */
  function loadTops(): Promise<void> {
    asked ??= page({ top: true }).then((found) => {
      tops.value = found.map(each => each.id)
    }).finally(() => (tops.value ? undefined : (asked = undefined)))
    return asked
  }

  /** The folders directly below, whether they were looked at before or not. What was there stays in view meanwhile. */
  async function loadChildren(id: string): Promise<void> {
    const before = branches.get(id)
    if (!before || before.state === 'failed') branches.set(id, { ids: before?.ids ?? [], state: 'loading' })
    try {
      const found = await page({ parent_id: id })
      branches.set(id, { ids: found.map(each => each.id), state: 'done' })
    }
    catch (error) {
      branches.set(id, { ids: before?.ids ?? [], state: before?.state === 'done' ? 'done' : 'failed', error })
    }
  }

  /** One folder; asked for where it is not known. Raises a Problem. */
  async function find(id: string): Promise<Folder> {
    return known.get(id) ?? put(await ok(api.GET('/api/v1/folders/{folder_id}', { params: { path: { folder_id: id } } })))
  }

  /** From the topmost folder that the reader may see down to this one. Raises a Problem. */
  async function pathTo(id: string): Promise<Folder[]> {
    const chain: Folder[] = []
    let next: string | null = id
    while (next && !chain.some(each => each.id === next)) {
      const folder: Folder = await find(next)
      chain.unshift(folder)
      next = folder.parent_id
    }
    return chain
  }

  /** Take in a folder as it is now, wherever it is listed. */
  function put(folder: Folder): Folder {
    const before = known.get(folder.id)
    known.set(folder.id, folder)
    if (before && before.parent_id !== folder.parent_id) unlist(before)
    const branch = folder.parent_id ? branches.get(folder.parent_id) : undefined
    if (folder.parent_id && branch) {
      const ids = branch.ids.filter(id => id !== folder.id)
      const at = ids.findIndex(id => compareNames(known.get(id)?.name ?? '', folder.name) > 0)
      ids.splice(at < 0 ? ids.length : at, 0, folder.id)
      branches.set(folder.parent_id, { ...branch, ids })
    }
    return folder
  }

  /** A folder that is gone. */
  function drop(id: string) {
    const folder = known.get(id)
    if (folder) unlist(folder)
    if (tops.value?.includes(id)) tops.value = tops.value.filter(each => each !== id)
    known.delete(id)
    branches.delete(id)
  }

  /** Follow an event; whether it was about a folder. */
  async function follow(event: LiveEvent): Promise<boolean> {
    if (!event.type.startsWith('folder.') || !event.folder_id) return false
    const id = event.folder_id
    if (event.type === 'folder.trashed') {
      drop(id)
      return true
    }
    try {
      put(await ok(api.GET('/api/v1/folders/{folder_id}', { params: { path: { folder_id: id } } })))
    }
    catch (error) {
      if (error instanceof Problem && error.status === 404) drop(id)
    }
    return true
  }

  /** How a folder is called: the root is not by its own name, which is the workspace's. */
  const label = (folder: Folder | null | undefined): string => (!folder ? '' : isRoot(folder) ? t('app.documents') : folder.name)

  return { known, branches, tops, rootId, label, loadTops, loadChildren, find, pathTo, put, drop, follow }
}

function unlist(folder: Folder) {
  const branch = folder.parent_id ? branches.get(folder.parent_id) : undefined
  if (branch) branches.set(folder.parent_id!, { ...branch, ids: branch.ids.filter(id => id !== folder.id) })
}

function forget(workspace: string | null) {
  of = workspace
  known.clear()
  branches.clear()
  tops.value = null
  asked = undefined
}
