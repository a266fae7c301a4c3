/** A file that somebody chose, and the folders it lay in, as "a/b" (empty: none). */
export interface Picked { file: File, path: string }
/** All that was chosen at once; `folders`: those without any file. */
export interface PickedAll { files: Picked[], folders: string[] }

// What file systems put into folders for themselves.
const HIDDEN = new Set(['.ds_store', 'thumbs.db', 'desktop.ini'])
const isWanted = (name: string) => !HIDDEN.has(name.toLowerCase())

/** How many things are being dragged, and whether they are files; before the drop a browser says no more. */
export function draggedFiles(transfer: DataTransfer | null): number {
  if (!transfer || !Array.from(transfer.types).includes('Files')) return 0
  return Array.from(transfer.items).filter(item => item.kind === 'file').length || 1
}

/** The files of an input; one for folders says where each lay. */
export function pickedFrom(files: Iterable<File>): PickedAll {
  const found = Array.from(files, file => ({ file, path: (file.webkitRelativePath ?? '').split('/').slice(0, -1).join('/') }))
  return { files: found.filter(each => isWanted(each.file.name)), folders: [] }
}

/**
 * The files of a drop, those of folders too, however deep. Call it in the event itself: afterwards the browser has forgotten them.
 * What cannot be read is left out.
 */
export async function pickedFromDrop(transfer: DataTransfer): Promise<PickedAll> {
  const items = Array.from(transfer.items).filter(item => item.kind === 'file')
  const entries = items.map(item => item.webkitGetAsEntry?.() ?? null)
  const plain = Array.from(transfer.files)
  if (!entries.some(entry => entry?.isDirectory)) return pickedFrom(plain)
  const found: PickedAll = { files: [], folders: [] }
  await walk(entries.filter(entry => entry !== null), '', found)
  return found
}

async function walk(entries: readonly FileSystemEntry[], path: string, found: PickedAll): Promise<void> {
  for (const entry of entries) {
    if (entry.isDirectory) {
      const below = path ? `${path}/${entry.name}` : entry.name
      const inside = await childrenOf(entry as FileSystemDirectoryEntry)
      if (inside.length === 0) found.folders.push(below)
      await walk(inside, below, found)
    }
    else if (isWanted(entry.name)) {
      const file = await fileOf(entry as FileSystemFileEntry)
      if (file) found.files.push({ file, path })
    }
  }
}

async function childrenOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader()
  const found: FileSystemEntry[] = []
  // A browser gives a hundred at a time, and nothing once it has given all.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>(resolve => reader.readEntries(resolve, () => resolve([])))
    if (some.length === 0) return found
    found.push(...some)
  }
}

const fileOf = (entry: FileSystemFileEntry) => new Promise<File | null>(resolve => entry.file(resolve, () => resolve(null)))
