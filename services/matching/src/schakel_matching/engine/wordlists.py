"""Lists of Dutch and English words that the engine treats apart. To be edited by people, not learned."""

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOPWORDS: Final = _words(
    """
    a aan about af after al all alle alleen allemaal als also an and ander andere anders any are as at be bedrijf
    bedrijven been beetje before being bij binnen but by can companies company could daar daarom dan dat de deze did
    die dit do doen does doet doing door dus een eens eigen elk elkaar elke en er erg ergens even for from gaan gaat
    geeft geen get geven gewoon give goed goede graag haar had hallo has have he heb hebben heeft heel hele help
    helpen hem hen her here het hier hij him his hoe hoeveel how hulp hun i iemand iets if ik in into is it its ja je
    jullie just kan kent know kost krijgen kunnen kunt laat laten less like look looking maak maakt maar make maken
    makes making may me mee meer meest men met mij mijn minder moet moeten mogen more most much must my na naar naast
    nee need needs niet niets no nodig nog not nou now nu of off often om omdat on onder one only ons onze ook op or
    other our out over own per please samen she should so some staan staat steeds such te tegen ten ter than that the
    their them then there these they this those tijdens to toch toe too tot tussen u uit under up us use used uw vaak
    van veel very via volgens voor vooral vraag waar waarbij waarmee waarom wanneer want waren was wat we weer wel
    welke werd were werken werkt weten what when where which who why wie wij wil will willen with without worden
    wordt would you your zal ze zeer zelf zich zien zij zijn zo zoals zoek zoeken zonder zou zouden
    """
)
"""Words that say nothing about what a text is about."""

VAGUE: Final = _words(
    """
    analysis back buigen buy course cursus data draaien drives folding forming fouten gas hergebruik interface kit
    lens leren leveren lichtgewicht light maatwerk meten mirror mobiele nieuwe pay planning reuse schroeven slimme
    smart spiegel spullen standaard standard training turning variants variaties verpakken zetten
    """
)
"""Words of the vocabulary that people also use for something else; alone they count little."""

NEVER_ALONE: Final = _words(
    """
    aansluiten aanvraag access aircraft analyse assistance automatic automating automatisch automatische
    automatiseren bedienen besturing bewerken bezettingsgraad bijzondere bouwen brands business calculation camera
    change clean cleaning collection componenten concrete condition connection continu continuous
    contract control controle controleren customer demand design dienst diensten digitaal digital digitale economy
    eerste electric elektrisch employees entry errors fabriek factory first flexibele flexible gebruiken gedeelde
    gegevens gemaakt grote hanteren helpende herkennen herstellen hightech hoogte human implement improvement
    industrial industriele information innovatie innovation integration klant kleine kosten kunststof kwaliteit lager
    lagers large levering levertijd licht lichte machine machines maintain maintenance managen materiaal material
    materialen materials medewerker mensen metaal metal modellen models nieuwe number objects ombouwen onderdeel
    onderdelen onderhoud onderzoek online ontwerp operate opslag orders organisation organiseren origin outsourced
    panelen panels parts people perform personeel pilot plastic power prepare private process processen product
    producten productie production products programmeren protection prototype purchase quality registration rekenen
    repair repareren replacing right ruimte samenwerken schrijven searching serious service services
    snelle software source specific spullen stainless stopt streams supply support systemen systems technologie
    technology tekort temperature temperatuur titanium uitbesteden uitvoeren veilig verbeteren verbinden verkopen
    verloren verschillende vertraging vervangen verwerken verzamelen virtual virtuele vliegende vliegtuig volume
    vooraf voorbereiden voorspellen voorwerpen vormgeven werknemers werkvloer wisselende workplace
    """
)
"""Words too general to stand for the one phrase in which they happen to occur."""

CONNECTIVES: Final = _words("en and maar but plus")
"""Words with which a second need can begin inside a sentence."""

CONTRASTS: Final = _words("maar but")
"""Connectives after which "we" begins a condition ("maar we hebben geen tijd"), not a need."""

ADDITIONS: Final = _words("also bovendien daarnaast besides ook tevens verder")
"""Words near the start of a sentence that say that it adds something."""

ADDS_ALL: Final = _words("besides bovendien daarnaast verder")
"""Of these, the words that do so by themselves: "ook de nieuwe machine helpt niet" adds no wish."""

PREPOSITIONS: Final = _words("bij for from in met of on op uit van voor with")
SUBJECTS: Final = _words("als de het how hoe i if ik mijn mijne my ons onze our the we wij")
"""Words with which a clause of its own begins: who or what it is about."""
OURSELVES: Final = _words("i ik we wij")

WISHES: Final = _words("looking need needs require want wants wil willen wens wensen zoek zoeken zouden zou would")
"""Verbs by which a company says what it wants."""

DOINGS: Final = _words(
    """
    are ben bewerken bouw bouwen brouwen build develop draai draaien groeien grow have heb hebben install installeren
    lever leveren machine maak maken make manufacture mill onderhouden ontwikkelen overhaul pack print printen process
    produce produceer produceren repair repareren run sell supply verhuren verkopen verwerken weld zijn
    """
)
"""Verbs after "we" that say what a company is or does, before it comes to what it asks."""

BACKWARD: Final = _words("daarvan ervan it them")
"""Words that speak of what was said just before."""
