/** Put a text on the clipboard and say so; browsers forbid it on plain HTTP from another machine, which is then said too. */
export function useCopy() {
  const { t } = useLocale()
  const tell = useTell()

  async function copy(text: string): Promise<boolean> {
    try {
      await navigator.clipboard.writeText(text)
      tell.done(t('settings.copied'))
      return true
    }
    catch {
      tell.failed(t('settings.not_copied'))
      return false
    }
  }
  return { copy }
}
