import type { Target } from '~/utils/places'

/** The tasks of a document and their places on the version in view. */
export function usePlaces(documentId: string, shown: () => number) {
  const api = useApi()
  const tell = useTell()
  const { t } = useLocale()
  const tasks = shallowRef<Task[]>([])
  const error = ref<unknown>(null)
  const loaded = ref(false)
  /** Those that are done or cancelled, too. */
  const all = ref(false)
  /** The place that is being made a task, on its version. */
  const draft = ref<{ target: Target | null, version: number } | null>(null)
  const hovered = ref<string | null>(null)

  async function load() {
    try {
      const found: Task[] = []
      let after: string | undefined
      do {
        const page = await ok(api.GET('/api/v1/documents/{document_id}/tasks', {
          params: { path: { document_id: documentId }, query: { limit: 200, after } },
        }))
        found.push(...page.items.map(holdTask))
        after = page.next ?? undefined
      } while (after)
      tasks.value = found
      loaded.value = true
      error.value = null
    }
    catch (fault) {
      error.value = fault
    }
  }

  const living = computed(() => tasks.value.filter(task => !goneTasks.has(task.id)))
  const open = computed(() => living.value.filter(isOpenTask))
  const listed = computed(() => (all.value ? living.value : open.value))
  const behind = computed(() => open.value.filter(task => task.version < task.document.head))

  /** Numbered from the top of the first page to the bottom of the last. */
  const markers = computed<Marker[]>(() => listed.value
    .flatMap((task) => {
      const place = task.version === shown() ? placeOf(task.target) : null
      return place ? [{ id: task.id, title: task.title, place }] : []
    })
    .sort((a, b) => (a.place.page ?? 0) - (b.place.page ?? 0) || (a.place.rect?.y ?? 0) - (b.place.rect?.y ?? 0))
    .map((marker, index) => ({ ...marker, n: index + 1 })))
  const draftPlace = computed(() => (draft.value?.version === shown() ? placeOf(draft.value.target) : null))

  /** Pin open tasks to the newest version: those given, else all that are behind. */
  async function carryOver(these = behind.value) {
    try {
      const { items } = await ok(api.POST('/api/v1/documents/{document_id}/tasks/carry-over', {
        params: { path: { document_id: documentId } }, body: { task_ids: these.map(task => task.id) },
      }))
      items.forEach(holdTask)
      tell.done(t('document.carried_over', { n: items.length, head: items[0]?.version ?? '' }, items.length))
    }
    catch (fault) {
      tell.failed(t('document.not_carried_over'), fault, () => carryOver(these))
    }
  }

  return { tasks, error, loaded, all, draft, draftPlace, hovered, open, listed, behind, markers, load, carryOver }
}

export type Places = ReturnType<typeof usePlaces>

const PLACES: InjectionKey<Places> = Symbol('places')

/** The tasks and places of the document that the page is about. */
export function providePlaces(places: Places): Places {
  provide(PLACES, places)
  return places
}

export function useOpenPlaces(): Places {
  return inject(PLACES)!
}
