/** Let the browser download an address by itself. The page stays, whatever the answer is. */
export function useSaving() {
  const { workspace } = useSession()

  /** `named`: say which workspace is meant, since a link cannot send headers. */
  function download(url: string, named = true) {
    const link = document.createElement('a')
    link.href = named && workspace.value ? `${url}?workspace=${encodeURIComponent(workspace.value)}` : url
    link.download = ''
    document.body.append(link)
    link.click()
    link.remove()
  }
  return { download }
}
