/** True once something has been going on for 150 ms: what is quicker shows no skeleton that would only flicker. */
export function useSlow(busy: () => boolean, patience = 150): Readonly<Ref<boolean>> {
  const slow = ref(false)
  let timer: ReturnType<typeof setTimeout> | undefined
  watch(busy, (now) => {
    clearTimeout(timer)
    slow.value = false
    if (now) timer = setTimeout(() => (slow.value = true), patience)
  }, { immediate: true })
  onScopeDispose(() => clearTimeout(timer))
  return slow
}
