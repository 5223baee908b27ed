import { type ComponentChildren, createContext } from 'preact'
import { useContext, useEffect, useState } from 'preact/hooks'
import type { TextKey } from '../language/en.ts'
import { type Language, LOCALES, pickLanguage, textIn, type Values } from '../language/language.ts'

interface Texts {
  language: Language
  setLanguage(language: Language): void
  t(key: TextKey, values?: Values): string
}

const LanguageContext = createContext<Texts | undefined>(undefined)

export const useTexts = (): Texts => useContext(LanguageContext)!

/** What is inside speaks the language of the browser, until somebody switches it. */
export function LanguageProvider({ children }: { children: ComponentChildren }) {
  const [language, setLanguage] = useState(() => pickLanguage(navigator.languages))
  useEffect(() => {
    document.documentElement.lang = LOCALES[language]
  }, [language])
  const texts = { language, setLanguage, t: (key: TextKey, values?: Values) => textIn(language, key, values) }
  return <LanguageContext.Provider value={texts}>{children}</LanguageContext.Provider>
}
