/** The places of the portal: rail, bottom bar and palette show the same ones. */
export function useNav() {
  const { t } = useLocale()
  const session = useSession()
  const counts = useCounts()
  const main = computed(() => [
    { key: 'home', label: t('app.home'), icon: 'i-lucide-house', to: '/' },
    { key: 'documents', label: t('app.documents'), icon: 'i-lucide-folder', to: '/documents' },
    { key: 'tasks', label: t('app.tasks'), icon: 'i-lucide-list-checks', to: '/tasks', count: counts.value?.my_open_tasks },
    { key: 'search', label: t('app.search'), icon: 'i-lucide-search', to: '/search' },
  ])
  const rest = computed(() => [
    { key: 'activity', label: t('app.activity'), icon: 'i-lucide-activity', to: '/activity' },
    { key: 'people', label: t('app.people'), icon: 'i-lucide-users', to: '/people' },
    ...(session.may('owner') ? [{ key: 'integrations', label: t('app.integrations'), icon: 'i-lucide-arrow-left-right', to: '/integrations' }] : []),
    { key: 'trash', label: t('app.trash'), icon: 'i-lucide-trash-2', to: '/trash' },
    ...(session.may('owner') ? [{ key: 'jobs', label: t('app.jobs'), icon: 'i-lucide-cog', to: '/jobs' }] : []),
    { key: 'settings', label: t('app.settings'), icon: 'i-lucide-settings', to: '/settings' },
  ])
  return { main, rest }
}

/** Whether a place of the navigation is where the reader is. */
export function isHere(to: string, path: string): boolean {
  return to === '/' ? path === '/' : path === to || path.startsWith(`${to}/`)
}
