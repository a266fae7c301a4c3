/** The keys that work on every page. Mounted once, by the frame. */
export function useShortcuts() {
  const palette = usePalette()
  const keys = useKeysOverlay()
  const chord = makeChords<() => unknown>({
    '/': () => (palette.value = true),
    '?': () => (keys.value = true),
    'u': () => ask('upload'),
    'n': () => ask('new_task'),
    'g h': () => navigateTo('/'),
    'g d': () => navigateTo('/documents'),
    'g t': () => navigateTo('/tasks'),
  })

  function onKey(event: KeyboardEvent) {
    const k = event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey
    if (k) palette.value = !palette.value
    const run = k ? undefined : singleKey(event) ? chord(event.key.toLowerCase()) : undefined
    if (!k && !run) return
    event.preventDefault()
    void run?.()
  }
  onMounted(() => window.addEventListener('keydown', onKey))
  onBeforeUnmount(() => window.removeEventListener('keydown', onKey))
}
