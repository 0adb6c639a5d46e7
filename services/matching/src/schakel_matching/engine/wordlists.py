"""Lists of Dutch and English words that the engine treats apart. To be edited by people, not learned."""

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOPWORDS: Final = _words(
    """
    a aan about af after al all alle alleen allemaal als also an and ander andere anders any are as at be
    bedrijf bedrijven been beetje before being bij binnen but by can companies company could daar daarom dan dat
    de deze did die dit do doen does doet doing door dus een eens eigen elk elke en er erg ergens even for from
    gaan gaat geeft geen get geven gewoon give goed goede graag haar had hallo has have he heb hebben heeft heel
    hele help helpen hem hen her here het hier hij him his hoe hoeveel how hulp hun i iemand iets if ik in into
    is it its ja je jullie just kan kent know kost krijgen kunnen kunt laat laten less like look looking maak
    maakt maar make maken makes making may me mee meer meest men met mij mijn minder moet moeten mogen more most
    much must my na naar naast nee need needs niet niets no nodig nog not nou now nu of off often om omdat on
    onder one only ons onze ook op or other our out over own per please samen she should so some staan staat
    steeds such te tegen ten ter than that the their them then there these they this those tijdens to toch toe
    too tot tussen u uit under up us use used uw vaak van veel very via volgens voor vooral vraag waar waarbij
    waarmee waarom wanneer want waren was wat we weer wel welke werd were werken werkt weten what when where
    which who why wie wij wil will willen with without worden wordt would you your zal ze zeer zelf zich zien
    zij zijn zo zoals zoek zoeken zou zouden
    """
)
"""Words that say nothing about what a text is about."""

VAGUE: Final = _words(
    """
    buigen course cursus data draaien drives folding forming fouten hergebruik interface lens leren lichtgewicht
    maatwerk meten mirror mobiele nieuwe planning reuse schroeven slimme smart spiegel standaard standard
    training turning variants variaties verpakken zetten
    """
)
"""Words of the vocabulary that people also use for something else; alone they count little."""

NEVER_ALONE: Final = _words(
    """
    aanvraag automatic automating automatisch automatische automatiseren bedienen besturing bewerken
    bezettingsgraad bijzondere bouwen camera collection connection control controle controleren customer demand
    design dienst diensten digitaal digital digitale fabriek factory flexibele flexible gebruiken gegevens grote
    hanteren improvement industrial industriele innovatie innovation klant kleine kosten kunststof kwaliteit
    large levering levertijd machine machines maintenance managen materiaal material materialen materials
    medewerker mensen metaal metal modellen models nieuwe onderdeel onderdelen onderhoud ontwerp operate orders
    organisation organiseren outsourced parts people perform personeel plastic process processen product
    producten productie production products programmeren quality schrijven searching service services snelle
    software spullen systemen systems technologie technology uitbesteden uitvoeren verbeteren verbinden
    verschillende verwerken verzamelen virtual virtuele vliegende vooraf voorbereiden voorspellen werkvloer
    workplace
    """
)
"""Words too general to stand for the one phrase in which they happen to occur."""
