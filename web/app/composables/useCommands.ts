/** One line of the palette. */
export interface Command {
  key: string
  icon: string
  label: string
  hint?: string
  snippet?: Snippet
  keys?: string[]
  run: () => unknown
}
export interface CommandGroup { key: string, title: string, items: Command[] }

/** Whether the palette or the table of keys is open. */
export const usePalette = () => useState('palette', () => false)
export const useKeysOverlay = () => useState('keys', () => false)

/** Everything that can be done from anywhere: go to a place, add, change how it looks, sign out. */
export function useCommands() {
  const { t, locale, setLocale } = useLocale()
  const session = useSession()
  const mode = useColorMode()
  const { main, rest } = useNav()
  const keys = useKeysOverlay()
  const CHORDS: Record<string, string> = { home: 'h', documents: 'd', tasks: 't' }

  const verbs = computed<Command[]>(() => session.may('editor')
    ? [
        { key: 'upload', icon: 'i-lucide-upload', label: t('search.add_files'), keys: ['U'], run: () => ask('upload') },
        { key: 'new_folder', icon: 'i-lucide-folder-plus', label: t('search.new_folder'), run: () => ask('new_folder') },
        { key: 'new_task', icon: 'i-lucide-circle-plus', label: t('search.new_task'), keys: ['N'], run: () => ask('new_task') },
      ]
    : [])

  const places = computed<Command[]>(() => [
    ...main.value.filter(place => place.key !== 'search'),
    ...rest.value,
    { key: 'profile', label: t('app.profile'), icon: 'i-lucide-user', to: '/profile' },
    { key: 'tokens', label: t('app.tokens'), icon: 'i-lucide-key-round', to: '/tokens' },
  ].map(({ key, label, icon, to }) => ({
    key,
    icon,
    label: t('search.go_to', { place: label }),
    keys: key in CHORDS ? ['G', CHORDS[key]!.toUpperCase()] : undefined,
    run: () => navigateTo(to),
  })))

  const looks = computed<Command[]>(() => {
    const dark = mode.value === 'dark'
    const others = (Object.keys(LOCALES) as Locale[]).filter(code => code !== locale.value)
    return [
      {
        key: 'theme',
        icon: dark ? 'i-lucide-sun' : 'i-lucide-moon',
        label: dark ? t('app.theme_light') : t('app.theme_dark'),
        run: () => (mode.preference = dark ? 'light' : 'dark'),
      },
      ...others.map(code => ({ key: `language-${code}`, icon: 'i-lucide-languages', label: LOCALES[code]!, run: () => setLocale(code) })),
      { key: 'keys', icon: 'i-lucide-keyboard', label: t('keys.title'), keys: ['?'], run: () => (keys.value = true) },
      { key: 'sign_out', icon: 'i-lucide-log-out', label: t('app.sign_out'), run: () => session.signOut() },
    ]
  })
  return { verbs, places, looks, all: computed(() => [...verbs.value, ...places.value, ...looks.value]) }
}

/** Those whose words begin like the words that were typed. */
export function matching(commands: Command[], typed: string): Command[] {
  const words = plain(typed).split(' ').filter(Boolean)
  return commands.filter(({ label }) => {
    const own = plain(label).split(/[\s-]+/)
    return words.every(word => own.some(each => each.startsWith(word)))
  })
}

const plain = (text: string) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().trim()
