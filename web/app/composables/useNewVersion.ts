/** A file that is to become the newest version of the open document. It goes through the tray, like every upload. */
export function useNewVersion() {
  const { doc, load } = useOpenDocument()
  const uploads = useUploads()
  const file = shallowRef<File | null>(null)
  const open = ref(false)
  const busy = ref(false)
  const comment = ref('')
  const picker = ref<HTMLInputElement | null>(null)
  /** The newest version that the person knows of. */
  const known = ref(0)
  /** One that somebody added since; the person should know before adding another. */
  const overtaken = computed(() => (open.value && doc.value!.version.number > known.value ? doc.value!.version : null))

  function take(files: FileList | null | undefined) {
    const [first] = files ?? []
    if (!first) return
    file.value = first
    comment.value = ''
    known.value = doc.value!.version.number
    open.value = true
  }

  async function send() {
    busy.value = true
    const warned = overtaken.value
    await load()
    busy.value = false
    // Said once: who sends it again has seen it.
    if (overtaken.value && !warned) return
    open.value = false
    await uploads.newVersion(doc.value!, file.value!, { comment: comment.value.trim() })
  }

  return { file, open, busy, comment, overtaken, picker, take, send, pick: () => picker.value?.click() }
}
