// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { isTyping, keysOn, makeChords, setKeysOn, singleKey } from '~/utils/keys'

const pressed = (key: string, how: KeyboardEventInit = {}, on: Element = document.body) => {
  let event: KeyboardEvent | undefined
  const hear = (heard: Event) => (event = heard as KeyboardEvent)
  document.addEventListener('keydown', hear)
  on.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, ...how }))
  document.removeEventListener('keydown', hear)
  return event!
}
beforeEach(() => localStorage.clear())
afterEach(() => (document.body.innerHTML = ''))

describe('singleKey', () => {
  it('is one on the page', () => expect(singleKey(pressed('u'))).toBe(true))
  it('is none with a modifier', () => expect(singleKey(pressed('u', { ctrlKey: true }))).toBe(false))
  it('is none while somebody types', () => {
    document.body.innerHTML = '<input><div contenteditable="true"><b></b></div>'
    expect(singleKey(pressed('u', {}, document.querySelector('input')!))).toBe(false)
    expect(isTyping(document.querySelector('b'))).toBe(true)
  })
  it('is none behind a dialog', () => {
    document.body.innerHTML = '<div role="dialog"></div>'
    expect(singleKey(pressed('u'))).toBe(false)
  })
  it('is none where it is switched off', () => {
    setKeysOn(false)
    expect([keysOn(), singleKey(pressed('u'))]).toEqual([false, false])
    setKeysOn(true)
    expect(keysOn()).toBe(true)
  })
})

describe('makeChords', () => {
  const commands = { '/': 'search', 'g d': 'documents', 'd': 'other' }
  it('knows single keys', () => expect(makeChords(commands)('/', 0)).toBe('search'))
  it('waits for the second', () => {
    const press = makeChords(commands)
    expect([press('g', 0), press('d', 500), press('d', 600)]).toEqual([undefined, 'documents', 'other'])
  })
  it('forgets the first after a while', () => {
    const press = makeChords(commands)
    expect([press('g', 0), press('d', 5000)]).toEqual([undefined, 'other'])
  })
  it('takes a second that completes nothing for itself', () => {
    const press = makeChords(commands)
    expect([press('g', 0), press('/', 10), press('d', 20)]).toEqual([undefined, 'search', 'other'])
  })
})
