import { CATEGORY_NAMES } from './category-names.ts'
import { type Dictionary, en, type TextKey } from './en.ts'
import { zh } from './zh.ts'

export const DICTIONARIES = { en, zh: zh as Dictionary } as const
export type Language = keyof typeof DICTIONARIES
export const LANGUAGES = Object.keys(DICTIONARIES) as Language[]

/** As `lang` attributes and `Intl` take it. */
export const LOCALES: Readonly<Record<Language, string>> = { en: 'en-GB', zh: 'zh-CN' }

export type Values = Readonly<Record<string, string | number>>

export const textIn = (language: Language, key: TextKey, values: Values = {}): string =>
  DICTIONARIES[language][key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''))

/** @param preferred as `navigator.languages` has them */
export function pickLanguage(preferred: readonly string[]): Language {
  for (const tag of preferred) {
    const found = LANGUAGES.find((language) => tag.toLowerCase().split('-')[0] === language)
    if (found !== undefined) return found
  }
  return 'en'
}

export function categoryIn(language: Language, category: string): string {
  const names = Object.hasOwn(CATEGORY_NAMES, category) ? CATEGORY_NAMES[category] : undefined
  return names?.[language === 'zh' ? 1 : 0] ?? category
}

export const isTextKey = (key: string): key is TextKey => Object.hasOwn(en, key)
