import { findQuote, type Quote, quoteOf } from './places'

/** Quotes in a rendered text: from what is selected, and back to where it stands. */
export function quoteOfRange(root: Node, range: Range): Quote | null {
  const within = document.createRange()
  within.selectNodeContents(root)
  const before = document.createRange()
  before.setStart(root, 0)
  if (within.comparePoint(range.startContainer, range.startOffset) < 0) return null
  before.setEnd(range.startContainer, range.startOffset)
  const ends = within.comparePoint(range.endContainer, range.endOffset) === 0
  const whole = document.createRange()
  whole.setStart(root, 0)
  if (ends) whole.setEnd(range.endContainer, range.endOffset)
  else whole.selectNodeContents(root)
  return quoteOf(root.textContent ?? '', before.toString().length, whole.toString().length)
}

/** Where a quote stands in a rendered text; null where it is gone. */
export function rangeOfQuote(root: Node, quote: Quote): Range | null {
  const found = findQuote(root.textContent ?? '', quote)
  if (!found) return null
  const range = document.createRange()
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
  let passed = 0
  let started = false
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const length = node.nodeValue?.length ?? 0
    if (!started && found[0] < passed + length) {
      range.setStart(node, found[0] - passed)
      started = true
    }
    if (started && found[1] <= passed + length) {
      range.setEnd(node, found[1] - passed)
      return range
    }
    passed += length
  }
  return null
}
