// German. A language is a folder like this one: its texts, and those of the component library.
export { default as ui } from '@nuxt/ui/runtime/locale/de.js'
export const texts = import.meta.glob('./*.json', { eager: true, import: 'default' })
