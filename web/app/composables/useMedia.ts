/** Whether a media query holds, and follows it. */
export function useMedia(query: string): Readonly<Ref<boolean>> {
  const list = window.matchMedia(query)
  const holds = ref(list.matches)
  const follow = () => (holds.value = list.matches)
  onMounted(() => list.addEventListener('change', follow))
  onBeforeUnmount(() => list.removeEventListener('change', follow))
  return holds
}
