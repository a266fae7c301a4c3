import { compareNames } from '~/utils/names'
import { kindOf } from '~/utils/kinds'
import type { Doc, Folder } from '~/utils/types'

/** What the list of a folder is asked for; it stands in the address. */
export interface ListQuery {
  sort: ListSort
  type: string | null
  tag: string | null
  author: string | null
  tasks: boolean
}
export const SORTS = ['name', '-name', 'updated_at', '-updated_at'] as const
export type ListSort = typeof SORTS[number]

/** A line of the list: a folder or a document. */
export type Row = { kind: 'folder', id: string, name: string, folder: Folder } | { kind: 'document', id: string, name: string, document: Doc }
export const folderRow = (folder: Folder): Row => ({ kind: 'folder', id: folder.id, name: folder.name, folder })
export const documentRow = (document: Doc): Row => ({ kind: 'document', id: document.id, name: document.name, document })

type Wire = Record<string, unknown>
const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null)

/** Read the address. What it says wrong is as if it were not there. */
export function readQuery(query: Wire): ListQuery {
  const sort = SORTS.find(each => each === query.sort) ?? 'name'
  return { sort, type: text(query.type), tag: text(query.tag), author: text(query.author), tasks: query.tasks === '1' }
}

/** Write the address; what is as usual is left out. */
export function writeQuery(query: ListQuery): Record<string, string | undefined> {
  return {
    sort: query.sort === 'name' ? undefined : query.sort,
    type: query.type ?? undefined,
    tag: query.tag ?? undefined,
    author: query.author ?? undefined,
    tasks: query.tasks ? '1' : undefined,
  }
}

export const isFiltered = (query: ListQuery): boolean => Boolean(query.type ?? query.tag ?? query.author) || query.tasks

const same = (a: string, b: string) => a.normalize('NFC').toLowerCase() === b.normalize('NFC').toLowerCase()

/** Whether a document belongs to the list as it is filtered. */
export function matches(document: Doc, query: ListQuery): boolean {
  const { media_type, author } = document.version
  if (query.type && !(query.type.endsWith('/') ? media_type.startsWith(query.type) : media_type === query.type)) return false
  if (query.tag && !document.tags.some(tag => same(tag, query.tag!))) return false
  if (query.author && author.id !== query.author) return false
  return !query.tasks || document.open_tasks > 0
}

const moment = (at: string) => new Date(at).getTime()

/** The order of two documents in the list. */
export function compareDocuments(a: Doc, b: Doc, sort: ListSort): number {
  const down = sort.startsWith('-') ? -1 : 1
  const order = sort.endsWith('name')
    ? compareNames(a.name, b.name)
    : Math.sign(moment(a.updated_at) - moment(b.updated_at)) || compareText(a.updated_at, b.updated_at)
  return down * (order || compareText(a.id, b.id))
}

export function compareFolders(a: Folder, b: Folder, sort: ListSort): number {
  const down = sort.startsWith('-') ? -1 : 1
  const order = sort.endsWith('name') ? compareNames(a.name, b.name) : moment(a.updated_at) - moment(b.updated_at)
  return down * (Math.sign(order) || compareText(a.id, b.id))
}

const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/** Where a document belongs in a sorted list: the place of the first one after it. */
export function insertAt(documents: readonly Doc[], document: Doc, sort: ListSort): number {
  let [low, high] = [0, documents.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (compareDocuments(documents[middle]!, document, sort) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** How a document is called in the filter "type". */
export const typeOf = (document: Doc) => kindOf(document.version.media_type)
