import type { Config, DOMPurify } from 'dompurify'

/** Only what a text is made of: nothing that runs, loads, submits, or looks like a part of the portal. */
const CLEAN: Config = {
  ALLOWED_TAGS: [
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'p', 'br', 'hr', 'ul', 'ol', 'li', 'blockquote', 'pre', 'code', 'a', 'em', 'strong', 'del', 's', 'b', 'i', 'u'],
    ...['sub', 'sup', 'kbd', 'mark', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'dl', 'dt', 'dd', 'details', 'summary', 'span', 'div'],
  ],
  ALLOWED_ATTR: ['href', 'title', 'start', 'colspan', 'rowspan', 'open', 'align'],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
}

let ready: Promise<(text: string) => Promise<string>> | undefined

async function load() {
  const [{ Marked }, { default: purify }] = await Promise.all([import('marked'), import('dompurify')])
  const cleaner: DOMPurify = purify(window)
  // Out of the portal, without telling where from, and without a handle on its window.
  cleaner.addHook('afterSanitizeAttributes', (node) => {
    if (node.tagName !== 'A' || !node.hasAttribute('href')) return
    node.setAttribute('target', '_blank')
    node.setAttribute('rel', 'noopener noreferrer nofollow')
  })
  // A picture becomes its description: it would be loaded from elsewhere.
  // Handlers go before the cleaner parses them: the browser would report each as an attempt against the policy.
  const marked = new Marked({
    gfm: true,
    renderer: {
      image: ({ text }) => (text ? `<em>${text}</em>` : ''),
      html: ({ text }) => text.replace(/<[^>]*>/g, tag => tag.replace(/([\s"'/])on\w+\s*=/gi, '$1data-off=')),
    },
  })
  return async (text: string) => cleaner.sanitize(await marked.parse(text), CLEAN)
}

/** Markdown as HTML that is safe to show in the portal. */
export async function safeMarkdown(text: string): Promise<string> {
  ready ??= load()
  return (await ready)(text)
}
