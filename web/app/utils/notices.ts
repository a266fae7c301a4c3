import type { LocationQuery } from 'vue-router'

interface Told { task: { id: string } | null, document: { id: string } }

/** Where a notice leads: to its task, over the page that is open; from the page of a document to the task's own document. */
export function noticeLink(here: { path: string, query: LocationQuery }) {
  return ({ task, document }: Told) => {
    if (!task) return { path: `/documents/${document.id}` }
    if (here.path.startsWith('/documents/')) return { path: `/documents/${document.id}`, query: { task: task.id } }
    return { path: here.path, query: { ...here.query, task: task.id } }
  }
}
