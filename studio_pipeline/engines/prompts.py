"""What a prompt may ask for: a set, never somebody in it."""

from __future__ import annotations

import re
import unicodedata

from studio_pipeline.errors import Refused

# Whole words, singular and plural, in the languages of the page's users; a set has none of them.
_SOMEBODY = (
    "person|people|human|humans|man|men|woman|women|child|children|boy|boys|girl|girls|baby|babies|kid|kids|lady|"
    "ladies|guy|guys|face|faces|portrait|portraits|head|heads|hair|body|bodies|hand|hands|arm|arms|leg|legs|skin|"
    "model|models|bride|brides|bridesmaid|bridesmaids|groom|couple|crowd|family|sitter|figure|toddler|toddlers|"
    "teenager|teenagers|businessman|businesswoman|businesspeople|dancer|dancers|soldier|soldiers|she|he|"
    "mensch|menschen|mann|männer|frau|frauen|kind|kinder|junge|mädchen|gesicht|gesichter|hand|hände|haare|körper|"
    "personne|personnes|homme|hommes|femme|femmes|enfant|enfants|fille|garçon|visage|visages|main|mains|cheveux|"
    "persona|personas|gente|hombre|hombres|mujer|mujeres|niño|niña|niños|cara|caras|rostro|mano|manos|"
    "persone|uomo|uomini|donna|donne|bambino|bambina|bambini|viso|volto|mani|"
    "pessoa|pessoas|homem|homens|mulher|mulheres|criança|crianças|rosto|mãos"
)
_WORDS = re.compile(rf"\b({_SOMEBODY})\b", re.IGNORECASE)
NEVER = "person, people, face, portrait, hand, body, text, watermark, frame"
"""What every request is kept from, beside what it names itself."""


def checked(prompt: str) -> str:
    """The prompt, on one line. Raises Refused where it asks for somebody."""
    found = _WORDS.search(unicodedata.normalize("NFC", prompt))
    if found:
        raise Refused(
            f"the prompt asks for somebody ({found.group()!r}): nobody is ever generated; "
            "describe the set alone, such as 'grey plaster wall, wooden floor'"
        )
    return " ".join(prompt.split())
