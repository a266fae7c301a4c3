interface Undo { label?: string, run: () => unknown }

/** Short messages at the edge of the screen. What can be taken back is offered there, and never asked about before. */
export function useTell() {
  const toast = useToast()
  const { t } = useLocale()
  const text = useProblemText()
  return {
    done: (title: string, undo?: Undo) => toast.add({
      title,
      icon: 'i-lucide-check',
      color: 'success',
      duration: undo ? 10_000 : 4000,
      actions: undo ? [{ label: undo.label ?? t('app.undo'), color: 'neutral', variant: 'outline', onClick: () => void undo.run() }] : [],
    }),
    failed: (title: string, error?: unknown, retry?: () => unknown) => toast.add({
      title,
      description: error === undefined ? undefined : text(error),
      icon: 'i-lucide-circle-alert',
      color: 'error',
      duration: 15_000,
      actions: retry ? [{ label: t('app.retry'), color: 'neutral', variant: 'outline', onClick: () => void retry() }] : [],
    }),
  }
}
