import { describe, expect, it } from 'vitest'

import { chunks, decoded } from '../app/utils/decode'

describe('decoded', () => {
  it('reads UTF-8, with a mark or without, and a cut last character', () => {
    const bytes = new TextEncoder().encode('\uFEFFGrüße')
    expect(decoded(bytes)).toBe('Grüße')
    expect(decoded(bytes.slice(3))).toBe('Grüße')
    expect(decoded(new TextEncoder().encode('Zü').slice(0, 2))).toBe('Z')
  })
  it('reads what Windows wrote', () => {
    expect(decoded(new Uint8Array([0xFF, 0xFE, 0x41, 0x00, 0xFC, 0x00]))).toBe('Aü')
    expect(decoded(new Uint8Array([0xFE, 0xFF, 0x00, 0x41]))).toBe('A')
    expect(decoded(new Uint8Array([0x47, 0x72, 0xFC, 0xDF, 0x65]))).toBe('Grüße')
  })
})

describe('chunks', () => {
  it('cuts at line ends and loses nothing', () => {
    const text = Array.from({ length: 501 }, (_, n) => `line ${n}`).join('\n')
    const found = chunks(text)
    expect(found).toHaveLength(3)
    expect(found.join('')).toBe(text)
    expect(chunks('')).toEqual([''])
    expect(chunks('a\nb\n', 2)).toEqual(['a\nb\n'])
  })
})
