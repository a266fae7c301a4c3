/**
 * Typed text that outlives a reload, an expired session and a failed save: kept in this browser, for this person, until `clear`.
 * `key` says what the text is for, e.g. `comment:<task>`.
 */
export function useDraft(key: MaybeRefOrGetter<string>) {
  const session = useSession()
  const place = computed(() => `dossier.draft:${session.me.value?.user.id ?? ''}:${toValue(key)}`)
  const text = ref('')
  const read = () => (text.value = localStorage.getItem(place.value) ?? '')
  watch(place, read, { immediate: true })
  watch(text, (now) => {
    if (now) localStorage.setItem(place.value, now)
    else localStorage.removeItem(place.value)
  }, { flush: 'sync' })
  return { text, clear: () => (text.value = '') }
}
