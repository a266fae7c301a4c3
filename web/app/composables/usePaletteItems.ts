/** What the palette shows for what is typed, which line is chosen, and what choosing does. */
export function usePaletteItems(close: () => void) {
  const { t } = useLocale()
  const text = useProblemText()
  const commands = useCommands()
  const recent = useRecent()
  const search = useQuickSearch(6)
  const typed = ref('')
  const active = ref(0)
  const lately = ref<Recent[]>([])
  const ICONS = { document: 'i-lucide-file-text', task: 'i-lucide-circle-check', search: 'i-lucide-history' }

  const go = (item: Recent): Command => ({
    key: item.to,
    icon: ICONS[item.kind] ?? 'i-lucide-history',
    label: item.label,
    run: () => {
      recent.add(item)
      return navigateTo(item.to)
    },
  })
  const ofDocument = ({ document, snippet }: Found): Command => ({
    ...go({ kind: 'document', id: document.id, label: document.name, to: `/documents/${document.id}` }),
    hint: `v${document.version.number}`,
    snippet: snippet.some(([, hit]) => hit) ? snippet : undefined,
  })
  const ofTask = (task: Task): Command => ({
    ...go({ kind: 'task', id: task.id, label: task.title, to: `/tasks?task=${task.id}` }),
    hint: task.assignee?.name,
  })
  const ofPerson = (person: Member): Command => ({
    key: person.id,
    icon: 'i-lucide-user',
    label: person.name,
    hint: person.email ?? undefined,
    run: () => navigateTo(`/people?member=${person.id}`),
  })
  const everywhere = (q: string): Command => ({
    ...go({ kind: 'search', id: q, label: q, to: `/search?q=${encodeURIComponent(q)}` }),
    icon: 'i-lucide-search',
    label: t('search.everywhere', { q }),
  })

  const groups = computed<CommandGroup[]>(() => {
    const q = typed.value.trim()
    const shown = q ? foundFor(q) : before()
    return shown.filter(group => group.items.length > 0)
  })
  const before = (): CommandGroup[] => [
    { key: 'recent', title: t('search.recent'), items: lately.value.map(go) },
    { key: 'actions', title: t('search.actions'), items: commands.verbs.value },
    { key: 'places', title: t('search.places'), items: commands.places.value },
    { key: 'looks', title: t('search.more'), items: commands.looks.value },
  ]
  const foundFor = (q: string): CommandGroup[] => [
    { key: 'documents', title: t('app.documents'), items: search.found.value.documents.map(ofDocument) },
    { key: 'tasks', title: t('app.tasks'), items: search.found.value.tasks.map(ofTask) },
    { key: 'people', title: t('app.people'), items: search.found.value.people.map(ofPerson) },
    { key: 'actions', title: t('search.actions'), items: matching(commands.all.value, q) },
    { key: 'everywhere', title: t('search.all_results'), items: [everywhere(q)] },
  ]
  const items = computed(() => groups.value.flatMap(group => group.items))
  const count = computed(() => (search.loading.value ? t('app.loading') : t('search.count', { count: items.value.length }, items.value.length)))

  watch(typed, (now) => {
    active.value = 0
    search.look(now)
  })
  // Better hits come first while one types; a line that was reached by keys stays chosen as long as it is there.
  watch(items, (now, then) => {
    const kept = active.value > 0 ? now.findIndex(item => item.key === then[active.value]?.key) : 0
    active.value = Math.max(0, kept)
  })

  function move(step: number) {
    const { length } = items.value
    const to = active.value + step
    if (length) active.value = Math.abs(step) === 1 ? (to + length) % length : Math.min(length - 1, Math.max(0, to))
  }
  function run(item?: Command) {
    if (!item) return
    close()
    void item.run()
  }
  function opened() {
    typed.value = ''
    active.value = 0
    lately.value = recent.list()
  }
  const error = computed(() => (search.error.value ? text(search.error.value) : ''))
  return { typed, groups, items, active, loading: search.loading, error, count, move, run, opened }
}
