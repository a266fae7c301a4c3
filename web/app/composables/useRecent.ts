/** Something that was opened lately. */
export interface Recent { kind: 'document' | 'task' | 'search', id: string, label: string, to: string }

const MOST = 8

/** What was opened lately in this workspace, newest first; kept in this browser alone. */
export function useRecent() {
  const { workspace, me } = useSession()
  const key = computed(() => `dossier.recent.${workspace.value ?? ''}.${me.value?.user.id ?? ''}`)

  const list = (): Recent[] => {
    try {
      const kept: unknown = JSON.parse(localStorage.getItem(key.value) ?? '[]')
      return Array.isArray(kept) ? kept.filter(isRecent) : []
    }
    catch {
      return []
    }
  }
  function keep(items: Recent[]) {
    try {
      localStorage.setItem(key.value, JSON.stringify(items.slice(0, MOST)))
    }
    catch {
      // A full or forbidden storage costs the list, nothing else.
    }
  }
  const add = (item: Recent) => keep([item, ...list().filter(each => each.to !== item.to)])
  const forget = (to: string) => keep(list().filter(each => each.to !== to))
  return { list, add, forget }
}

function isRecent(item: unknown): item is Recent {
  const { kind, label, to } = (item ?? {}) as Partial<Recent>
  return typeof kind === 'string' && typeof label === 'string' && typeof to === 'string' && to.startsWith('/') && !to.startsWith('//')
}
