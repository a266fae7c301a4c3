const seen = ref(new Map<string, string>())

/** Two tags are the same whatever their case. */
export const tagKey = (tag: string): string => tag.normalize('NFC').trim().toLowerCase()

/** The tags that were on documents seen since the page was opened: there is no list of all. */
export function useTags() {
  function learn(documents: readonly { tags: readonly string[] }[]) {
    const fresh = documents.flatMap(each => each.tags).filter(tag => !seen.value.has(tagKey(tag)))
    if (fresh.length) seen.value = new Map([...seen.value, ...fresh.map(tag => [tagKey(tag), tag] as const)])
  }
  const known = computed(() => [...seen.value.values()].sort((a, b) => a.localeCompare(b)))
  return { learn, known }
}
