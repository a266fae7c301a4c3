// Design tokens of the components. Colours, type, radius and motion as values: assets/css/main.css.
export default defineAppConfig({
  ui: {
    colors: { primary: 'ink', secondary: 'violet', success: 'green', info: 'ink', warning: 'amber', error: 'red', neutral: 'stone' },
    button: { defaultVariants: { size: 'md' }, slots: { base: 'cursor-pointer disabled:cursor-not-allowed' } },
    toaster: { defaultVariants: { position: 'bottom-left' } },
    card: { slots: { root: 'shadow-none', body: 'p-4 sm:p-4', header: 'px-4 py-3 sm:px-4', footer: 'px-4 py-3 sm:px-4' } },
    modal: { slots: { overlay: 'bg-stone-950/50' } },
  },
})
