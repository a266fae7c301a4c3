/** One line of a tree of folders, as it is shown: flat, with its depth. */
export interface TreeRow {
  folder: Folder
  level: number
  open: boolean
  leaf: boolean
  loading: boolean
  failed: boolean
}

/** Which folders of the tree are open, and the lines that follow from it. What is open is kept by name of the tree. */
export function useFolderTree(name: string) {
  const folders = useFolders()
  const open = useState<string[]>(`tree.${name}`, () => [])
  const isOpen = (id: string) => open.value.includes(id)

  function rowsBelow(ids: readonly string[], level: number): TreeRow[] {
    return ids.flatMap((id) => {
      const folder = folders.known.get(id)
      if (!folder) return []
      const branch = folders.branches.get(id)
      const opened = isOpen(id)
      const row = {
        folder,
        level,
        open: opened,
        leaf: branch?.state === 'done' && branch.ids.length === 0,
        loading: opened && branch?.state === 'loading',
        failed: opened && branch?.state === 'failed',
      }
      return [row, ...(opened && branch ? rowsBelow(branch.ids, level + 1) : [])]
    })
  }
  const rows = computed(() => {
    const tops = folders.tops.value ?? []
    const root = folders.rootId.value
    return rowsBelow(root ? [root, ...tops.filter(id => id !== root)] : tops, 1)
  })

  async function expand(id: string): Promise<void> {
    if (!isOpen(id)) open.value = [...open.value, id]
    const branch = folders.branches.get(id)
    if (!branch || branch.state === 'failed') await folders.loadChildren(id)
  }
  const collapse = (id: string) => (open.value = open.value.filter(each => each !== id))
  const toggle = (id: string) => (isOpen(id) ? collapse(id) : void expand(id))

  /** Show a folder: open what it lies in. */
  async function reveal(id: string): Promise<void> {
    const chain = await folders.pathTo(id).catch(() => [])
    await Promise.all(chain.slice(0, -1).map(each => expand(each.id)))
  }

  async function begin(selected: string | null): Promise<void> {
    await folders.loadTops()
    if (folders.rootId.value) await expand(folders.rootId.value)
    if (selected) await reveal(selected)
  }
  return { rows, expand, collapse, toggle, reveal, begin }
}
