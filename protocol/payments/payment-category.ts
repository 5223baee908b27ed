/**
 * Categories that take one byte in a payload; any other is carried as text. The position is part of the format: add at the end only.
 */
export const KNOWN_CATEGORIES: readonly string[] = [
  ...['tax', 'income-tax', 'payroll-tax', 'corporation-tax', 'value-added-tax', 'sales-tax', 'excise-duty'],
  ...['customs-duty', 'property-tax', 'business-rates', 'land-tax', 'stamp-duty', 'capital-gains-tax'],
  ...['inheritance-tax', 'vehicle-tax', 'environmental-tax', 'withholding-tax', 'tax-lien', 'levy'],
  ...['social-insurance', 'national-insurance', 'pension', 'medical', 'unemployment', 'work-injury'],
  ...['maternity', 'long-term-care', 'housing-fund', 'contribution', 'payroll-deduction', 'paye-nic'],
  ...['vat-customs', 'royalty', 'rent', 'bonus', 'fee', 'fine', 'interest', 'penalty', 'benefit'],
]

/** The code of a category in a payload, from 1; 0 for one that is carried as text. */
export const categoryCode = (category: string): number => CODES.get(category) ?? 0

const CODES = new Map(KNOWN_CATEGORIES.map((category, i) => [category, i + 1]))
