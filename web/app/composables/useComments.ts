type Comment = Schemas['Comment']

/** What was said on a task, oldest first; whoever says more is heard at once. */
export function useComments(taskId: MaybeRefOrGetter<string>) {
  const api = useApi()
  const comments = ref<Comment[]>([])
  const error = ref<unknown>(null)
  const loaded = ref(false)

  async function load() {
    const task_id = toValue(taskId)
    try {
      const found: Comment[] = []
      let after: string | undefined
      do {
        const page = await ok(api.GET('/api/v1/tasks/{task_id}/comments', { params: { path: { task_id }, query: { limit: 200, after } } }))
        found.push(...page.items)
        after = page.next ?? undefined
      } while (after)
      if (task_id !== toValue(taskId)) return
      comments.value = found
      error.value = null
      loaded.value = true
    }
    catch (caught) {
      error.value = caught
    }
  }

  /** Say it. The same text sent once more after a failure is the same comment: it does not come twice. */
  let sent = { text: '', key: '' }
  async function add(body: string): Promise<void> {
    if (sent.text !== body) sent = { text: body, key: randomKey() }
    const made = await ok(api.POST('/api/v1/tasks/{task_id}/comments', {
      params: { path: { task_id: toValue(taskId) }, header: { 'Idempotency-Key': sent.key } }, body: { body },
    }))
    sent = { text: '', key: '' }
    if (!comments.value.some(each => each.id === made.id)) comments.value.push(made)
  }

  watch(() => toValue(taskId), () => {
    comments.value = []
    loaded.value = false
    void load()
  }, { immediate: true })
  useLive(event => event.type === 'task.commented' && event.task_id === toValue(taskId) && void load())
  return { comments, error, loaded, load, add }
}
