/** What can be done with lines of the list. */
export type Verb = 'open' | 'rename' | 'move' | 'tag' | 'version' | 'download' | 'access' | 'trash'

/** The address of a folder in the portal. */
export const folderAddress = (id: string, rootId: string | null): string => (id === rootId ? '/documents' : `/documents?folder=${id}`)
